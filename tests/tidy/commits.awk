# SPDX-License-Identifier: MPL-2.0
# Prints the commits whose message breaks the rules of CONTRIBUTING.md, one finding a line:
# COMMIT:1: commit: words. Reads records (end: octal 036) of four fields (between: octal 037): short
# hash, parents, subject, body.

BEGIN { RS = "\036"; FS = "\037"; subject_max = 60 }

function finding(words) { print hash ":1: commit: " words }

# Past tense, gerund and third person, as far as the ending shows them.
function is_imperative(word) {
    if (word ~ /^(feed|need|embed|speed|seed|shed|bring|ping|string)$/) return 1
    return word !~ /(ed|ing|[^s]s)$/
}

NF >= 3 {
    hash = $1; sub(/^\n+/, "", hash)
    subject = $3
    if ($2 ~ / /) {
        if (subject !~ /^Merge [a-z0-9_-]+: [^ ]+ / && $4 !~ /[^ \n]+ [^ \n]+/)
            finding("a merge says what it brings: \"" subject "\"")
        next
    }
    if (length(subject) > subject_max)
        finding(length(subject) " characters, at most " subject_max ": \"" subject "\"")
    if (subject !~ /^[a-z0-9_\/]+(, [a-z0-9_\/]+)*: [^ ]/) {
        finding("not of the form \"room: imperative\": \"" subject "\"")
        next
    }
    rest = subject; sub(/^[^:]*: /, "", rest)
    word = rest; sub(/[ ,].*/, "", word)
    if (rest ~ /^[A-Z][a-z]/ || rest ~ /\.$/ || !is_imperative(word))
        finding("starts with a verb in the imperative, without a full stop: \"" subject "\"")
}
