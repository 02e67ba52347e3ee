#!/bin/bash
# What `cmake --install` and the Debian package hold.
# install.sh CMAKE BUILD
. "$(dirname "$0")/expect.sh"
cmake=$1 build=$2

holds() { # holds DIRECTORY: an installation below it
	local file
	for file in bin/packetboat bin/packetboat-writer \
		bin/packetboat-shipper bin/packetboat-applier \
		lib/systemd/system/packetboat-writer.service \
		lib/systemd/system/packetboat-shipper.service \
		lib/systemd/system/packetboat-applier.service \
		lib/systemd/system/packetboat-bodies@.service \
		lib/systemd/system/packetboat-bodies.socket \
		share/bash-completion/completions/packetboat \
		share/man/man1/packetboat.1 \
		share/man/man5/packetboat.conf.5 \
		share/doc/packetboat/examples/packetboat.conf \
		share/doc/packetboat/copyright; do
		[[ -s $1/$file || -s $1/$file.gz ]] || fail "no $file in $1"
	done
}

expect 0 "$cmake" --install "$build" --prefix "$top/usr"
holds "$top/usr"
expect 0 "$top/usr/bin/packetboat" --version
expect 0 "$top/usr/bin/packetboat" -c \
	"$top/usr/share/doc/packetboat/examples/packetboat.conf" config
# the front finds its siblings: the program runs and refuses by itself
expect 2 "$top/usr/bin/packetboat" -c "$top/none" write
says err "$top/none"

command -v dpkg-shlibdeps >/dev/null || {
	echo "SKIP: dpkg-dev is not installed: no package was made"
	exit 77
}
cd "$top"
expect 0 "$(dirname "$cmake")/cpack" --config "$build/CPackConfig.cmake" \
	-B "$top/deb"
package=$(echo "$top"/deb/*.deb)
expect 0 dpkg-deb -I "$package"
says out "Package: packetboat" "Section: mail" "libsodium23" "libconfuse2" \
	"libsqlite3-0" "libarchive13"
expect 0 dpkg-deb -x "$package" "$top/root"
holds "$top/root/usr"
finish
