# What .ci/run and ci/full share: steps with a line and a time each, tools, and leaving no process behind.
# Sourced by bash, from the root of the workspace.
# shellcheck shell=bash

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
LOGS=$TARGET/ci
BROKERS=$TARGET/tmp/brokers # where the tests keep their brokers' folders
MUSL=x86_64-unknown-linux-musl
KURIER=$TARGET/$MUSL/release/kurier
RELEASES=(0.10.0.1 0.10.2.2 0.11.0.3 1.1.1 2.8.2 3.9.2 4.4.0)
PASSED=0
ONLY=()     # the steps to run; all if none is named
STEP=""     # pid of the step that runs
STARTED=$SECONDS
# A panic says where it was without debug information, which takes time to make and to link. Each codegen unit compiles
# all futures that it polls, and those they poll, anew: with sixteen units a test program held sixteen copies of each.
# Nobody looks at the symbols of a test program, and they are a third of its size.
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_CODEGEN_UNITS=1
export CARGO_PROFILE_DEV_STRIP=symbols
mkdir -p "$LOGS"

# Runs the function NAME, which stops at its first failing command. Its output goes to a log, of which the end is
# shown if it fails; what it writes to descriptor 3 is shown at once.
step() { # NAME WHAT
  local name=$1 start=$SECONDS status=0
  if [ ${#ONLY[@]} -gt 0 ] && [[ " ${ONLY[*]} " != *" $name "* ]]; then return; fi
  echo "==> $name: $2"
  # In the background, since `set -e` is off in a function whose status is looked at.
  (set -euo pipefail; "$name") 3>&1 >"$LOGS/$name.log" 2>&1 </dev/null &
  STEP=$!
  wait "$STEP" || status=$?
  STEP=""
  if [ $status -ne 0 ]; then
    tail -n 60 "$LOGS/$name.log" | sed 's/^/    /'
    echo "    FAILED with status $status after $((SECONDS - start)) s; all of its output: $LOGS/$name.log"
    finish 1
  fi
  PASSED=$((PASSED + 1))
  echo "    ok, $((SECONDS - start)) s"
}

finish() { # FAILED
  echo
  echo "$((SECONDS - STARTED)) s in all"
  echo "$PASSED passed, $1 failed"
  exit "$1"
}

# A command that must fail, and say why in these words: a gate that cannot fail proves nothing.
must_fail() { # WORDS COMMAND..
  local words=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "must have failed: $*"
    return 1
  fi
  if ! grep -qF -- "$words" <<<"$out"; then
    printf '%s\nfailed as it must, but without the words "%s": %s\n' "$out" "$words" "$*"
    return 1
  fi
  echo "failed as it must: $*"
}

# Lines from stdin that must not match, shown if they do. (A bare `! grep` would not stop a step.)
must_not_match() { # PATTERN
  if grep -E -- "$1"; then return 1; fi
}

# Passes stdin on to the log and to whoever watches.
show() {
  local line
  while IFS= read -r line; do
    echo "$line"
    echo "    $line" >&3
  done
}

# The commands of the README's code block that stands under the comment `ci: NAME`.
readme_block() { # NAME
  awk -v mark="<!-- ci: $1 -->" '
    $0 == mark { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }' README.md | grep . || { echo "README.md has no block for $1" >&2; return 1; }
}

# ---- tools -----------------------------------------------------------------------------------------------------

install_packages() { # PROGRAM=PACKAGE..
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "    installing ${missing[*]}" >&3
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y -o DPkg::Lock::Timeout=300 --no-install-recommends \
      "${missing[@]}"
  fi
}

install_brokers() {
  local release
  install_packages mvn=maven javac=openjdk-17-jdk-headless kcat=kcat
  # For brokers with --security.
  install_packages openssl=openssl krb5kdc=krb5-kdc kadmin.local=krb5-admin-server kinit=krb5-user
  for release in "${RELEASES[@]}"; do ci/kafka-broker fetch "$release"; done
}

# Client libraries of other people, under small programs of ours.
install_libraries() { # python|go|c..
  local language
  for language in "$@"; do
    case $language in
      python)
        install_packages python3=python3
        # Debian has it in a package of its own, without a program.
        python3 -c 'import ensurepip' || install_packages no-program=python3-venv
        ;;
      go) install_packages go=golang-go ;;
      c)
        install_packages cc=gcc
        [ -f /usr/include/librdkafka/rdkafka.h ] || install_packages no-program=librdkafka-dev
        continue
        ;;
    esac
    ci/foreign-client fetch "$language"
  done
}

install_target() { # TARGET..
  rustup target add "$@"
}

# ---- other people's programs -----------------------------------------------------------------------------------

# Runs tests of cli/tests/interop, with the static binary if there is one; none may be left out.
# The first argument is how many lines that end a check ("ok in .. s", "ok") must come out.
interop() { # LINES TEST..
  local lines=$1 log=$LOGS/interop.out seen
  shift
  if [ -x "$KURIER" ]; then export KURIER_BIN=$KURIER; fi
  KURIER_REAL_BROKERS="${RELEASES[*]}" KURIER_FOREIGN_CLIENTS="kcat java python go c" \
    cargo test --locked --workspace --test interop -- --test-threads=1 "$@" 2>&1 | tee "$log"
  if grep SKIPPED "$log"; then
    echo "a test with real programs was skipped"
    return 1
  fi
  { grep -E ': ok( in [0-9.]+ s)?$' "$log" || true; } | sed 's/^test .* \.\.\. //' >"$log.ok"
  show <"$log.ok"
  seen=$(wc -l <"$log.ok")
  if [ "$seen" != "$lines" ]; then
    echo "$seen checks ended well, not $lines"
    return 1
  fi
}

# ---- the end ---------------------------------------------------------------------------------------------------

descendants() { # PID: its children and theirs, leaves first
  local child
  # shellcheck disable=SC2013 # the file is words
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
    descendants "$child"
    echo "$child"
  done
}

leave_nothing() {
  local pid
  if [ -n "$STEP" ]; then
    for pid in $(descendants "$STEP") $STEP; do kill -KILL "$pid" 2>/dev/null || true; done
  fi
  if [ -d "$BROKERS" ]; then ci/kafka-broker stop-all "$BROKERS"; fi
}
trap leave_nothing EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
