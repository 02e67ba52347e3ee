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
		share/doc/packetboat/README.md \
		share/doc/packetboat/docs/operations.md \
		share/doc/packetboat/docs/recovery.md \
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

# systemd's own word on the units, with the programs where they are here
if command -v systemd-analyze >/dev/null; then
	mkdir "$top/units"
	for unit in "$top"/usr/lib/systemd/system/*; do
		sed "s|^ExecStart=packetboat-|ExecStart=$top/usr/bin/packetboat-|" "$unit" \
			>"$top/units/${unit##*/}"
	done
	expect 0 systemd-analyze verify --man=no "$top"/units/*
	[[ -z $err ]] || fail "systemd-analyze complains"
else
	echo "no systemd-analyze: the units were not verified"
fi

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
expect 0 dpkg-deb -e "$package" "$top/control"
for script in postinst prerm postrm; do
	expect 0 sh -n "$top/control/$script"
done
((EUID == 0)) || {
	echo "not root: the package was not installed"
	finish
}

# Installed and removed by dpkg, below a directory. What is enabled goes with
# a purge; the configuration and the state of a site never do.
dpkg=(dpkg --root="$top/bare" --force-depends --force-script-chrootless
	--log=/dev/null)
wants=$top/bare/etc/systemd/system/multi-user.target.wants
left() { find "$top/bare" -path "$top/bare/var/lib/dpkg" -prune -o \
	-name '*packetboat*' -print | sed "s|$top/bare||" | sort | xargs; }
mkdir -p "$top"/bare/var/lib/dpkg/{info,updates,triggers} "$wants"
: >"$top/bare/var/lib/dpkg/status"
expect 0 "${dpkg[@]}" -i "$package"
holds "$top/bare/usr"
[[ -d $top/bare/etc/packetboat ]] || fail "no /etc/packetboat"
ln -s /lib/systemd/system/packetboat-writer.service "$wants"
expect 0 "${dpkg[@]}" -i "$package" # an upgrade
expect 0 "${dpkg[@]}" -r packetboat
[[ -L $wants/packetboat-writer.service ]] || fail "removal is no purge"
expect 0 "${dpkg[@]}" -P packetboat
[[ -z $(left) ]] || fail "left behind: $(left)"
expect 0 "${dpkg[@]}" -i "$package"
: >"$top/bare/etc/packetboat/packetboat.conf"
mkdir -p "$top/bare/var/lib/packetboat"
expect 0 "${dpkg[@]}" -P packetboat
says out "/var/lib/packetboat is kept"
[[ $(left) == "/etc/packetboat /etc/packetboat/packetboat.conf \
/var/lib/packetboat" ]] || fail "of a site is left: $(left)"
finish
