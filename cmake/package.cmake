# cmake --install, and a Debian package by cpack.
file(GLOB man_pages CONFIGURE_DEPENDS
	${CMAKE_SOURCE_DIR}/docs/man/*.1 ${CMAKE_SOURCE_DIR}/docs/man/*.5
	${CMAKE_SOURCE_DIR}/docs/man/*.7 ${CMAKE_SOURCE_DIR}/docs/man/*.8)
foreach(page ${man_pages})
	string(REGEX MATCH "[0-9]$" section ${page})
	install(FILES ${page}
		DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
file(GLOB units CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/systemd/*.service
	${CMAKE_SOURCE_DIR}/tools/systemd/*.socket)
install(FILES ${units} DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/tools/completion/packetboat.bash
	DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
	RENAME packetboat)
install(FILES ${CMAKE_SOURCE_DIR}/tools/packetboat.conf
	DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB documents CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
	RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME packetboat)
set(CPACK_PACKAGE_CONTACT "The Packetboat authors <packetboat@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
	"keeps mail folders the same over any carrier")
string(CONCAT CPACK_PACKAGE_DESCRIPTION
	"Packetboat replicates Maildir folders between mail servers that are\n"
	"linked by anything that moves bytes or files, such as a USB stick in\n"
	"somebody's pocket. It works beside an unmodified Dovecot, and on\n"
	"plain Maildirs.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dovecot-core, rsync, openssh-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/tools/debian/postinst
	${CMAKE_SOURCE_DIR}/tools/debian/prerm
	${CMAKE_SOURCE_DIR}/tools/debian/postrm)
include(CPack)
