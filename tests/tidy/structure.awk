# SPDX-License-Identifier: MPL-2.0
# Reads a list of .c and .h files from standard input and prints the table of tests/tidy/structure.
# With -v findings=1, for tests/tidy/run: prints one finding a circle that no header declares.
#
# A function starts with a `{` in the first column and ends with a `}` there. A circle is a strongly
# connected component of more than one file in the graph "a file calls a function that another file
# of the room defines". Calls through pointers are not part of the graph.

BEGIN { long_function = 45 }

# A room is schemas, or two names such as actors/dht. Folders inside a room belong to it.
function room_of(path,    names, n) {
    n = split(path, names, "/")
    return names[1] == "schemas" || n == 2 ? names[1] : names[1] "/" names[2]
}

# The name in front of the first parenthesis of a function's head, or "".
function name_in(head) {
    sub(/\(.*/, "", head); sub(/[ \t]+$/, "", head)
    return match(head, /[A-Za-z_][A-Za-z0-9_]*$/) ? substr(head, RSTART) : ""
}

function define(head, path, room,    name) {
    name = name_in(head)
    if (name == "") return
    if (head ~ /(^|[ \t])static[ \t]/ && path ~ /\.c$/) { own[path, name] = 1; return }
    if ((room, name) in owner && owner[room, name] != path) owner[room, name] = ""
    else owner[room, name] = path
}

# Collects the names that are followed by a parenthesis; they are resolved when all files are read.
function note_calls(code, path,    name) {
    while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(code, RSTART, RLENGTH - 1); sub(/[ \t]+$/, "", name)
        called[path, name] = 1
        code = substr(code, RSTART + RLENGTH)
    }
}

function end_function(room, path, from, line,    n) {
    n = line - from - 1
    functions[room]++
    if (n > long_function) longer[room]++
    if (n > largest[room]) largest[room] = n
}

# "One module in several files: a.c b.c." on one line of a header declares that these files of the
# room may call each other in a circle.
function note_module(text, room,    names, n, i) {
    if (!sub(/^.*One module in several files: /, "", text)) return
    n = split(text, names, " "); modules[room]++
    for (i = 1; i <= n; i++) {
        sub(/\.c\.$/, ".c", names[i])
        in_module[room, modules[room], names[i]] = 1
    }
}

# Are all these files of the room (separated by spaces) in one declared module?
function is_declared(room, members,    names, n, i, m) {
    n = split(members, names, " ")
    for (m = 1; m <= modules[room]; m++) {
        for (i = 1; i <= n; i++) if (!((room, m, names[i]) in in_module)) break
        if (i > n) return 1
    }
    return 0
}

function read_file(path, room,    is_header, line, text, code, head, from, n) {
    is_header = path ~ /\.h$/
    in_comment = 0; line = 0; head = ""; from = 0
    while ((getline text < path) > 0) {
        line++
        code = code_of(text)
        if (is_header && text ~ /One module in/) note_module(text, room)
        if (is_header && line > 1 && text !~ /^[ \t]*$/) {
            header_lines[room]++
            if (has_comment) header_comments[room]++
        }
        if (code ~ /^[ \t]*#/) { head = ""; continue }
        n = gsub(/(RT_REQUIRE|RT_INSIST|PLUGIN_INSIST)\(/, "&", code)
        assertions[room] += n
        if (from) {
            note_calls(code, path)
            if (code ~ /^\}/) { end_function(room, path, from, line); from = 0; head = "" }
        } else if (code ~ /^\{/) {
            if (name_in(head) != "") { define(head, path, room); from = line }
        } else if (code ~ /[;}]/) { head = ""
        } else head = head " " code
    }
    close(path)
    lines[room] += line
    files[room]++
    room_file[room, files[room]] = path
}

function make_edges(    key, part, room, target) {
    for (key in called) {
        split(key, part, SUBSEP)
        room = room_of(part[1])
        if (key in own || !((room, part[2]) in owner)) continue
        target = owner[room, part[2]]
        if (target != "" && target != part[1]) reach[part[1], target] = 1
    }
}

# Transitive closure (Warshall); two files that reach each other are in one circle.
function close_edges(room,    n, i, j, k, a, b, c) {
    n = files[room]
    for (k = 1; k <= n; k++) {
        c = room_file[room, k]
        for (i = 1; i <= n; i++) {
            a = room_file[room, i]
            if (!((a, c) in reach)) continue
            for (j = 1; j <= n; j++) {
                b = room_file[room, j]
                if ((c, b) in reach) reach[a, b] = 1
            }
        }
    }
}

function circles_of(room,    n, i, j, a, b, members, text, found, declared) {
    n = files[room]; text = ""
    for (i = 1; i <= n; i++) {
        a = room_file[room, i]
        if (a in seen) continue
        members = substr(a, length(room) + 2); found = 1
        for (j = i + 1; j <= n; j++) {
            b = room_file[room, j]
            if ((a, b) in reach && (b, a) in reach) {
                seen[b] = 1; found++
                members = members " " substr(b, length(room) + 2)
            }
        }
        if (found > 1) {
            circles[room]++; in_circles[room] += found
            declared = is_declared(room, members)
            if (findings && !declared)
                print a ":1: circle: " members " call each other, and no header of " room \
                    " says that they are one module"
            text = text "  " room ": " members (declared ? " (declared)" : "") "\n"
        }
    }
    return text
}

function row(name, f, l, n, g, m, a, hc, hl, c, cf) {
    printf "%-20s %5d %6d %6d %5d %8d %7.1f %8.0f %8d %6d\n", name, f, l, n, g, m,
        l ? 1000 * a / l : 0, hl ? 100 * hc / hl : 0, c, cf
}

function print_row(room) {
    row(room, files[room], lines[room], functions[room], longer[room], largest[room],
        assertions[room], header_comments[room], header_lines[room], circles[room],
        in_circles[room])
    if (room ~ /^tests/) return
    f += files[room]; l += lines[room]; n += functions[room]; g += longer[room]
    if (largest[room] > m) m = largest[room]
    a += assertions[room]; hc += header_comments[room]; hl += header_lines[room]
    c += circles[room]; cf += in_circles[room]
}

{
    room = room_of($0)
    if (!(room in files)) rooms[++room_count] = room
    read_file($0, room)
}

END {
    make_edges()
    if (findings) {
        for (i = 1; i <= room_count; i++) { close_edges(rooms[i]); circles_of(rooms[i]) }
        exit
    }
    printf "%-20s %5s %6s %6s %5s %8s %7s %8s %8s %6s\n", "room", "files", "lines", "funcs",
        ">" long_function, "largest", "asserts", "comment%", "circles", "files"
    for (i = 1; i <= room_count; i++) {
        close_edges(rooms[i])
        list = list circles_of(rooms[i])
        print_row(rooms[i])
    }
    row("all but tests", f, l, n, g, m, a, hc, hl, c, cf)
    print "\n>" long_function ": functions with more lines between their braces; largest: lines" \
        " of the largest one;\nasserts: RT_REQUIRE, RT_INSIST and PLUGIN_INSIST per 1,000 lines;" \
        " comment%: lines" \
        " of headers with a\ncomment; circles: groups of files that call each other; files: files" \
        " in such groups."
    printf "\nCircles of files%s\n%s", list == "" ? ": none" : "", list
}
