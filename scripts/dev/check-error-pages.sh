#!/usr/bin/env bash
# Every error reason in the sources has its page in docs/errors/ and its line in the index there, and
# no page is about a reason that is gone. Prints what differs; exit status 1 when something does.
#
# A reason is a string literal of upper-case letters and underscores alone, outside of tests: so it is
# found however the error is made (Error::new, invalid, not_found, denied, AuthError::bad_request, a
# constant, a match arm). What looks like one and is none goes into NOT_REASONS.
set -euo pipefail
export LC_ALL=C # one order for sort and comm

# A value of X-Frame-Options; what the error page calls an odd code; settings; a variable of Cargo.
NOT_REASONS="DENY UNKNOWN ACCESS_TOKEN_HOURS SESSION_DAYS KEY_ROTATION_DAYS CARGO_PKG_VERSION"

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

source_files() {
  find libs services -path libs/testkit -prune -o -path '*/src/*' -type f -name '*.rs' -print |
    grep -vE '/tests/|/tests\.rs$|_tests\.rs$|/fuzz\.rs$'
}

# The program in a file: no unit tests, which sit at its end, and no comments.
code_of() { # <file>
  awk '/^#\[cfg\(test\)\]/ { test = 1; next }
       test && /^#\[/ { next }
       test && /^(pub(\([a-z]+\))? )?mod [a-z_]+ \{/ { exit }
       { test = 0 }
       !/^[[:space:]]*\/\// { print }' "$1"
}

reasons() {
  local file
  while read -r file; do
    code_of "$file"
  done < <(source_files) |
    { grep -oE '"[A-Z][A-Z_]{3,}"' || true; } | tr -d '"' | grep -vxE "${NOT_REASONS// /|}" | sort -u
}

# Pages are named as the gateway names the type of a problem.
page_of() { tr '[:upper:]_' '[:lower:]-'; }

pages() {
  find docs/errors -type f -name '*.md' ! -name README.md | sed -e 's#.*/##' -e 's#\.md$##' | sort
}

indexed() { sed -nE 's/^\| \[[A-Z_]+\]\(([a-z-]+)\.md\).*/\1/p' docs/errors/README.md | sort; }

untitled() {
  local page
  while read -r page; do
    [ "$(head -n 1 "docs/errors/$page.md" | page_of)" = "# $page" ] || printf '%s\n' "$page"
  done < <(pages)
}

differences=0
report() { # <what> <lines>
  local line
  [ -n "$2" ] || return 0
  differences=1
  while read -r line; do
    printf '%s: docs/errors/%s.md\n' "$1" "$line"
  done <<<"$2"
}

wanted=$(reasons | page_of | sort)
[ -n "$wanted" ] || {
  printf 'no reasons found: has the layout of the sources changed?\n' >&2
  exit 1
}
report "missing" "$(comm -23 <(printf '%s\n' "$wanted") <(pages))"
report "superfluous" "$(comm -13 <(printf '%s\n' "$wanted") <(pages))"
report "not in the index" "$(comm -23 <(pages) <(indexed))"
report "in the index without a page" "$(comm -13 <(pages) <(indexed))"
report "its title is not its reason" "$(untitled)"
exit "$differences"
