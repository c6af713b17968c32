#!/usr/bin/env bash
# Fails where the package has changed since a commit, and the changelog has not.
# usage: .github/changelog.sh BASE
set -euo pipefail
changed=$(git diff --name-only "$1"...HEAD)
if grep -qE '^(src|labextension/(src|widgets/src))/' <<<"$changed" && ! grep -qx CHANGELOG.md <<<"$changed"
then
  echo "The package has changed, and CHANGELOG.md has no line about it. Add one, or set the label" \
    "'no changelog' where nobody notices the change." >&2
  exit 1
fi
