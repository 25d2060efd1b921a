# What the scripts of ci/bindings share: each builds a language's package, installs it as a user would, and tests it there.
#
# It is sourced, and moves to the project's root. It reads
#   GOSSIPERLD         the daemon to test with; else it is built
#   NATIVE             the folder of the native libraries, where they were built before, with their generator; else a script builds its own
#   PROFILE=release    builds the package optimised
#   UNTESTED=1         the script ends once the package is installed and its peer there
# and gives `root`, `target`, `version`, `profile`, `built` (the folder of native libraries), `work` (a folder that goes with the script), and the counts `passed`, `failed` and
# `skipped` that `finish` closes with.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
profile=${PROFILE:-debug}
case $profile in
release) optimised=(--release) ;;
debug) optimised=() ;;
*)
  printf 'PROFILE is %s: give debug or release\n' "$profile" >&2
  exit 2
  ;;
esac
built=$target/$profile
if [ "$profile" = debug ]; then built=${NATIVE:-$built}; fi
passed=0 failed=0 skipped=0

work=$(mktemp -d)
daemon=
end() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap end EXIT

# have COMMAND…: whether all of them are there.
have() {
  local command
  for command; do command -v "$command" >/dev/null || return 1; done
}

# install_packages PACKAGE…: of the Debian archive.
install_packages() {
  local as_root=(sudo)
  if [ "$(id -u)" -eq 0 ]; then as_root=(); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# native PACKAGE…: builds the native library of a crate.
native() {
  if [ "$profile" = debug ] && [ -n "${NATIVE:-}" ]; then return; fi
  cargo build --locked --quiet "${optimised[@]}" "${@/#/--package=}"
}

# have_daemon: sees to it that GOSSIPERLD names a daemon, for this script and what it runs.
have_daemon() {
  if [ -z "${GOSSIPERLD:-}" ]; then
    cargo build --locked --quiet --package gossiperl-daemon --bin gossiperld
    GOSSIPERLD=$target/debug/gossiperld
  fi
  export GOSSIPERLD
}

# start_daemon OVERLAY: one for the rest of the script, on `port` and with the key GOSSIPERL_KEY.
start_daemon() {
  export GOSSIPERL_KEY='a key for tests only'
  port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  (
    umask 077
    cat >"$work/gossiperl.toml" <<TOML
data_dir = "$work/data"
rest = false
[overlays.$1]
ip = "127.0.0.1"
port = $port
member_name = "daemon"
symmetric_key = "$GOSSIPERL_KEY"
racks = { default = [] }
TOML
  )
  "$GOSSIPERLD" --config "$work/gossiperl.toml" 2>"$work/daemon.log" &
  daemon=$!
  for _ in $(seq 300); do
    if grep -q started "$work/daemon.log"; then return; fi
    sleep 0.1
  done
  printf 'the daemon did not start:\n'
  cat "$work/daemon.log"
  exit 1
}

# check NAME COMMAND…: counts as one; its output is shown where it fails.
check() {
  local name=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '!! %s\n' "$name"
    cat "$work/output"
  fi
}

# counted NAME COMMAND…: its last line has counts of its own, `N passed, N failed`.
counted() {
  local name=$1 line
  shift
  timeout 600 "$@" >"$work/output" 2>&1 || true
  line=$(tail -n 1 "$work/output")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
    printf '%s: %s\n' "$name" "$line"
    if [ "${BASH_REMATCH[2]}" -ne 0 ]; then cat "$work/output"; fi
  else
    failed=$((failed + 1))
    printf '!! %s did not come to its end\n' "$name"
    cat "$work/output"
  fi
}

# chat SUFFIX COMMAND…: the chat example as people use it, started as COMMAND PORT NAME. One hears another, and sees it come and go.
chat() {
  local suffix=$1 line heard='' came='' left=''
  shift
  coproc one { exec "$@" "$port" "one$suffix"; }
  local ends=("${one[@]}") pid=$one_PID
  while read -r -t 60 -u "${ends[0]}" line && [ "$line" != "* one$suffix is here" ]; do :; done
  echo 'hello from two' | "$@" "$port" "two$suffix" >/dev/null
  while [ "$heard$came$left" != yesyesyes ]; do
    read -r -t 60 -u "${ends[0]}" line || break
    case $line in
    "<two$suffix> hello from two") heard=yes ;;
    "* two$suffix is here") came=yes ;;
    "* two$suffix is away") left=yes ;;
    esac
  done
  eval "exec ${ends[1]}>&-"
  wait "$pid"
  [ "$heard$came$left" = yesyesyes ]
}

# maven ARGUMENT…: quietly, and without the codes by which it sets back colours that it has not set. It compiles less of itself, which costs a short run less than it gains.
maven() { MAVEN_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' mvn --batch-mode --quiet --no-transfer-progress "$@" 2>&1 | sed 's/\x1b\[0m//g'; }

# quick_start LANGUAGE README: the code of that language in it.
quick_start() { awk -v fence="^\`\`\`$1\$" '$0 ~ fence { code = 1; next } /^```$/ { code = 0 } code' "$2"; }

# ran STATUS PASSED FAILED SKIPPED: adds what a test runner counted. One that ended badly and counted no failure has one.
ran() {
  passed=$((passed + $2))
  skipped=$((skipped + $4))
  if [ "$1" -ne 0 ] && [ "$3" -eq 0 ]; then failed=$((failed + 1)); else failed=$((failed + $3)); fi
}

# end_if_untested [STATUS]: said where the package is installed and its peer there.
end_if_untested() { if [ -n "${UNTESTED:-}" ]; then exit "${1:-0}"; fi; }

# finish: the last line, and the exit code.
finish() {
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
