# bash completion for packetboat(1)

_packetboat_peers() {
	"$1" "${@:2}" config 2>/dev/null | sed -n 's/^peer "\(.*\)" {$/\1/p'
}

# Those that anything is known of; patterns of the configuration name none.
_packetboat_accounts() {
	"$1" "${@:2}" status 2>/dev/null |
		sed -n 's/^  account \([^:]*\): .*/\1/p'
}

_packetboat() {
	local cur=${COMP_WORDS[COMP_CWORD]} command= i
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
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
	if [[ $previous == -c || $previous == --output ]]; then
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
	ship) words="--once --follow --stdio --output --help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	resend) words="--dry-run --from --help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	sync) words="--help
		$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")" ;;
	media)
		if [[ $previous == media ]]; then
			words=init
		else
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
		fi
		;;
	status) words="--json --help" ;;
	held)
		words="--json --help
			$(_packetboat_peers "${COMP_WORDS[0]}" "${config[@]}")"
		[[ $previous == held ]] && words+=" release"
		;;
	doctor) words="-O --help" ;;
	scan) words="--deep --for --rate --help
		$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
	wait) words="--applied --timeout --help
		$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
	changes) words="--since --json --help
		$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
	explain) words="--json --help
		$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
	on | off) words="--help
		$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
	guard | gap | folder | peer | account | trash)
		case $command-$previous in
		guard-guard) words="accept --help" ;;
		gap-gap) words="list accept --help" ;;
		gap-list) words=--json ;;
		folder-folder) words="restored --help" ;;
		peer-peer) words="plan expel --help" ;;
		account-account) words="drop --help" ;;
		trash-trash) words="list restore --help" ;;
		trash-list) words="--json --since --until --folder
			$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
		trash-restore) words="--dry-run --to --since --until --folder
			$(_packetboat_accounts "${COMP_WORDS[0]}" "${config[@]}")" ;;
		peer-plan | peer-expel) words=$(_packetboat_peers "${COMP_WORDS[0]}" \
			"${config[@]}") ;;
		*-accept | *-restored | *-drop) words=$(_packetboat_accounts \
			"${COMP_WORDS[0]}" "${config[@]}") ;;
		esac
		;;
	*) words=--help ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _packetboat packetboat
