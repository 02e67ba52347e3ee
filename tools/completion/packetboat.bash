# bash completion for packetboat(1)

_packetboat_peers() {
	"$1" "${@:2}" config 2>/dev/null | sed -n 's/^peer "\(.*\)" {$/\1/p'
}

_packetboat() {
	local cur=${COMP_WORDS[COMP_CWORD]} command= i
	local -a config=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c)
			((i + 1 < COMP_CWORD)) &&
				config=(-c "${COMP_WORDS[i + 1]/#\~/$HOME}")
			((++i))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == -c ||
		${COMP_WORDS[COMP_CWORD - 1]} == --output ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	local words=
	case $command in
	'') words="$("${COMP_WORDS[0]}" help 2>/dev/null |
		sed -n 's/^  \([a-z]*\)  *[a-z[].*/\1/p') -c -q -v --version --help" ;;
	log)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	apply)
		mapfile -t COMPREPLY < <(compgen -f -W \
			"--once --follow --help" -- "$cur")
		return
		;;
	write) words="--once --follow --help" ;;
	scan) words="--deep --for --rate --help" ;;
	ship) words="--once --follow --collect --hand-over --output --help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	sync) words="--help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	media)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == media ]]; then
			words=init
		else
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
		fi
		;;
	status) words="--json --help" ;;
	doctor) words="-O --help" ;;
	guard) words="accept --help" ;;
	peer)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == expel ]]; then
			words=$(_packetboat_peers "${COMP_WORDS[0]}" \
				"${config[@]}")
		else
			words="expel --help"
		fi
		;;
	resend) words="--dry-run --from --help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	account) words="drop --help" ;;
	gap) words="list accept --json --help" ;;
	*) words=--help ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _packetboat packetboat
