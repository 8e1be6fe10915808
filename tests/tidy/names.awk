# SPDX-License-Identifier: MPL-2.0
# Prints the names of files in documents and comments for which the tree has no file. Variables:
# files, a list of every file and directory of the tree; sources, a list of the paths to read.
#
# A name in a document is a word in backquotes with an ending of this tree, or with a directory of
# this tree in front. The first column of a table "| file |" holds names only. A name in a comment
# is a word that ends in .c, .h or .md. A name matches a file if it is the end of the file's path:
# `pending.c` and `tunnel/pending.c` name the same file. `*` stands for any text without a slash.
# The ending of a source may be left out. A word with a part in capitals (`actors/ROOM`) is a
# pattern for the reader, not a name.

BEGIN {
    ending = "\\.(c|h|md|sh|awk|sql|cddl|cmake|supp|rs|json|txt)$"
    place = "^(\\.\\.?/)*(runtime|schemas|actors|plugins|tools|tests|docs)/"
    while ((getline text < files) > 0) { add_path(text); path_list[++paths] = text }
    while ((getline text < sources) > 0) ARGV[ARGC++] = text
    if (ARGC == 1) exit
}

# Every end of a path that starts after a slash is a known name.
function add_path(text) {
    if (text ~ /\.[ch]$/) add_path(substr(text, 1, length(text) - 2))
    known[text] = 1
    while (match(text, /\//)) { text = substr(text, RSTART + 1); known[text] = 1 }
}

# One letter and an ending (`a.c`) is an example too.
function is_pattern(name) {
    return name ~ /(^|[\/_])[A-Z]+([_.\/]|$)/ && name !~ /(^|\/)[A-Z]+\.md$/ ||
        name ~ /(^|[.\/])[a-z]\.[a-z]+$/
}

function exists(name,    pattern, i) {
    while (sub(/^\.\.?\//, "", name));
    sub(/\/$/, "", name)
    if (name in known) return 1
    if (name !~ /\*/) return 0
    pattern = name
    gsub(/[.+?()\[\]]/, "\\\\&", pattern); gsub(/\*/, "[^/]*", pattern)
    for (i = 1; i <= paths; i++) if (path_list[i] ~ ("(^|/)" pattern "$")) return 1
    return 0
}

function check(name) {
    if (!is_pattern(name) && !exists(name)) print FILENAME ":" FNR ": names: there is no file " name
}

# The first cell of a row: every word in backquotes, `name.{h,c}` for two files.
function check_cell(text,    n, part, i) {
    n = split(text, part, "|")
    n = split(part[2], part, "`")
    for (i = 2; i <= n; i += 2) { sub(/\.\{.*/, "", part[i]); check(part[i]) }
}

function check_document(text,    n, part, i, j, words, word) {
    if (text ~ /^\| *file *\|/) in_table = 1
    else if (text !~ /^\|/) in_table = 0
    else if (in_table) check_cell(text)
    n = split(text, part, "`")
    for (i = 2; i <= n; i += 2) {
        words = split(part[i], word, /[ \t,;:=()"']+/)
        for (j = 1; j <= words; j++) {
            if (word[j] ~ /[<>{}$~|@]/ || word[j] ~ /^\// || word[j] ~ /\.so$/) continue
            if (word[j] ~ ending || word[j] ~ place) check(word[j])
        }
    }
}

function check_comment(text,    word) {
    while (match(text, /[A-Za-z0-9_.\/*+-]+\.(c|h|md)([^A-Za-z0-9_]|$)/)) {
        word = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        sub(/[^A-Za-z0-9_]$/, "", word)
        sub(/^[*\/]+/, "", word)
        if (word !~ /^\.[ch]$/) check(word)
    }
}

FNR == 1 { in_comment = 0; in_code = 0; in_table = 0 }

FILENAME ~ /\.md$/ {
    if ($0 ~ /^```/) in_code = !in_code
    if (!in_code && $0 !~ /^    /) check_document($0)
    next
}

# The comments of a line. A string that holds the start of a comment is rare and not handled.
{
    text = $0; comment = ""
    while (text != "") {
        if (in_comment) {
            end = index(text, "*/")
            comment = comment " " (end ? substr(text, 1, end - 1) : text)
            text = end ? substr(text, end + 2) : ""
            if (end) in_comment = 0
        } else {
            end = index(text, "/*")
            text = end ? substr(text, end + 2) : ""
            if (end) in_comment = 1
        }
    }
    if (comment != "") check_comment(comment)
}
