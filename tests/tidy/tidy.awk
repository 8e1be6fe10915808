# SPDX-License-Identifier: MPL-2.0
# Prints violations of the style rules, one per line: PATH:LINE: RULE: text. Runs in the root of
# the tree. Variables: rules, the file rooms.txt; sources, a list of the paths to read.

BEGIN {
    line_max = 100; file_max = 600; function_max = 70
    forbidden = "(^|[^A-Za-z0-9_])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z0-9_]|$)"
    while ((getline text < rules) > 0) read_rule(text)
    while ((getline text < sources) > 0) { known[text] = 1; ARGV[ARGC++] = text }
}

function read_rule(text,    w, n, i, key) {
    if (text ~ /^(#|$)/) return
    n = split(text, w, /[ \t]+/)
    if (n < 3 || w[3] != ":") {
        print rules ": cannot read \"" text "\"" >"/dev/stderr"
        exit 2
    }
    key = w[1] " " w[2]
    place_count[key] = n - 3
    for (i = 4; i <= n; i++) place[key, i - 3] = w[i]
    if (w[1] == "room") room_path[++rooms] = w[2]
    if (w[1] == "library") library[++libraries] = w[2]
    if (w[1] == "call") calls[++call_count] = w[2]
    if (w[1] == "pure") pure_path[++pures] = w[2]
}

function finding(line, rule, words) { print path ":" line ": " rule ": " words }

# Is `file` the place, or under it? `*` in a place stands for one name, or the start of one.
# X/*_msg.h is every header under X with a name that ends in _msg.h.
function lies_under(file, where,    f, w, nf, nw, i) {
    nf = split(file, f, "/"); nw = split(where, w, "/")
    if (w[nw] ~ /^\*_.*\.h$/)
        return f[1] == w[1] && ends_with(f[nf], substr(w[nw], 2))
    if (nf < nw) return 0
    for (i = 1; i <= nw; i++) if (w[i] != "*" && w[i] != f[i]) return 0
    return 1
}

function ends_with(text, end) {
    return length(text) > length(end) && substr(text, length(text) - length(end) + 1) == end
}

function allowed(file, key,    i) {
    for (i = 1; i <= place_count[key]; i++) if (lies_under(file, place[key, i])) return 1
    return 0
}

function room_of(file,    i, best, parts, depth, deepest) {
    best = ""; deepest = 0
    for (i = 1; i <= rooms; i++) if (lies_under(file, room_path[i])) {
        depth = 2 * split(room_path[i], parts, "/") + (room_path[i] !~ /\*/)
        if (depth > deepest) { deepest = depth; best = room_path[i] }
    }
    return best
}

# The directory that is this file's own room: as many names as its rule's path has.
function own_room(file, rule_path,    parts, names, n, i, dir) {
    n = split(rule_path, parts, "/"); split(file, names, "/")
    dir = names[1]
    for (i = 2; i <= n; i++) dir = dir "/" names[i]
    return dir
}

function parent(file) { return match(file, /.*\//) ? substr(file, 1, RLENGTH) : "" }

function collapse(file) {
    while (match(file, /[^\/]+\/\.\.\//) && substr(file, RSTART, 3) != "../")
        file = substr(file, 1, RSTART - 1) substr(file, RSTART + RLENGTH)
    return file
}

function resolve(name,    dirs, n, i, try) {
    n = split(parent(path) "|runtime/|schemas/|actors/|plugins/|tools/|tests/|", dirs, "|")
    for (i = 1; i <= n; i++) {
        try = collapse(dirs[i] name)
        if (try in known) return try
    }
    return ""
}

function check_library(name,    i, h, stem) {
    for (i = 1; i <= libraries; i++) {
        h = library[i]; stem = h; sub(/\*$/, "", stem)
        if (name == h || (h != stem && substr(name, 1, length(stem)) == stem))
            if (!allowed(path, "library " h))
                finding(FNR, "library", "<" name "> may not be used here")
    }
}

function check_include(text,    name, target) {
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
    name = substr(text, 2); sub(/[">].*/, "", name)
    if (substr(text, 1, 1) == "<") { check_library(name); return }
    target = resolve(name)
    if (target == "") { finding(FNR, "include", "\"" name "\" is in no room"); return }
    included[path, ++includes[path]] = target; included_at[path, includes[path]] = FNR
    if (room == "") { finding(FNR, "include", "no room in tests/tidy/rooms.txt"); return }
    if (lies_under(target, own_room(path, room))) return
    if (!allowed(target, "room " room))
        finding(FNR, "include", "\"" name "\": " room " may not see it")
}

# Does the file include a header of runtime/actor, itself or through others?
function reaches_actor(file,    i) {
    if (lies_under(file, "runtime/actor")) return 1
    if (file in reaches) return reaches[file]
    reaches[file] = 0
    for (i = 1; i <= includes[file]; i++)
        if (reaches_actor(included[file, i])) reaches[file] = 1
    return reaches[file]
}

# Once all files are read: the includes of pure folders.
function check_pure(    i, n) {
    for (path in includes) for (i = 1; i <= pures; i++) if (lies_under(path, pure_path[i]))
        for (n = 1; n <= includes[path]; n++) if (reaches_actor(included[path, n]))
            finding(included_at[path, n], "pure", "\"" included[path, n] "\" leads to actor.h")
}

function check_calls(code,    i, name) {
    if (code !~ /\(/) return
    for (i = 1; i <= call_count; i++) {
        name = calls[i]
        if (index(code, name) && match(code, "(^|[^A-Za-z0-9_.>])" name "[ \t]*\\("))
            if (!allowed(path, "call " name)) finding(FNR, "call", name "() is not used here")
    }
}

# #ifndef G, #define G as the first two directives, and no other header with the same G.
function check_guard(code,    w) {
    split(code, w, /[ \t]+/)
    directives++
    if (directives == 1) guard = (w[1] == "#ifndef") ? w[2] : ""
    if (directives == 2 && guard != "" && w[1] == "#define" && w[2] == guard) guarded = 1
}

function begin_file() {
    path = FILENAME
    is_c = path ~ /\.[ch]$/; is_header = path ~ /\.h$/
    room = room_of(path)
    in_comment = 0; body_from = 0; directives = 0; guard = ""; guarded = 0; spdx = 0
}

function end_file(    n) {
    if (path == "") return
    if (!spdx) finding(1, "spdx", "the first line names no SPDX-License-Identifier: MPL-2.0")
    if (lines > file_max && is_c) finding(lines, "file", lines " lines, at most " file_max)
    if (!is_header) return
    if (!guarded) finding(1, "guard", "no include guard")
    else if (guard in guards) finding(1, "guard", guard " is the guard of " guards[guard] " too")
    else guards[guard] = path
}

FNR == 1 { end_file(); begin_file() }

{ lines = FNR }
FNR <= 2 && /SPDX-License-Identifier: MPL-2\.0/ {
    if (FNR == 1 || first ~ /^#!/) spdx = 1
}
FNR == 1 { first = $0 }
length($0) > line_max { finding(FNR, "line", length($0) " columns, at most " line_max) }
/[ \t]$/ { finding(FNR, "space", "white space at the end of the line") }
$0 ~ forbidden { finding(FNR, "word", "a mark of unfinished work") }

is_c {
    if ($0 ~ /\t/) finding(FNR, "space", "a tab")
    was_comment = in_comment
    code = code_of($0)
    if (!was_comment && code ~ /^[ \t]*#[ \t]*include/) check_include($0)
    if (is_header && code ~ /^#/) check_guard(code)
    check_calls(code)
    if (code ~ /^\{/) body_from = FNR
    if (code ~ /^\}/ && body_from) {
        if (FNR - body_from - 1 > function_max)
            finding(body_from, "function", (FNR - body_from - 1) " lines, at most " function_max)
        body_from = 0
    }
}

END { end_file(); check_pure() }
