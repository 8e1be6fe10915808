# SPDX-License-Identifier: MPL-2.0
# Prints the words of words.txt that a text uses, one finding a line: PATH:LINE: words: the pattern
# and what to write instead. Variables: rules, the file words.txt; sources, a list of the paths to
# read; every: if not empty, read all paths, not only the clean ones.
#
# Comments, strings, names and plain text are checked alike. A pattern may match over the end of one
# line.

BEGIN {
    while ((getline text < rules) > 0) read_rule(text)
    while ((getline text < sources) > 0) if (every != "" || is_clean(text)) ARGV[ARGC++] = text
    if (ARGC == 1) exit
}

function read_rule(text,    word, rest, colon) {
    if (text ~ /^(#|$)/) return
    word = text; sub(/ .*/, "", word)
    rest = text; sub(/^[a-z]+ /, "", rest)
    if (word == "clean") { clean[++cleans] = rest; return }
    colon = index(rest, " : ")
    if (!colon || word != "not" && word != "start") {
        print rules ": cannot read \"" text "\"" >"/dev/stderr"
        exit 2
    }
    pattern[++patterns] = substr(rest, 1, colon - 1)
    better[patterns] = substr(rest, colon + 3)
    regex[patterns] = pattern[patterns]
    gsub(/ /, "[ _]+", regex[patterns])
    regex[patterns] = "(^|[^a-z0-9])(" regex[patterns] ")([^a-z0-9]|$)"
    if (word == "start") regex[patterns] = "(/[*]|//) *" pattern[patterns] " "
}

function is_clean(path,    i) {
    for (i = 1; i <= cleans; i++)
        if (path == clean[i] || index(path, clean[i] "/") == 1) return 1
    return 0
}

FNR == 1 { before = "" }

{
    text = tolower($0)
    gsub(/[ \t]+/, " ", text)
    sub(/^ ?(\*+|#+|--|;|>|[*-]) /, "", text)
    joined = before " " text
    for (i = 1; i <= patterns; i++) {
        if (match(joined, regex[i]) && RSTART + RLENGTH - 1 > length(before) + 1)
            print FILENAME ":" FNR ": words: \"" pattern[i] "\": " better[i]
    }
    before = text
}
