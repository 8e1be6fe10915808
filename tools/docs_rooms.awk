# SPDX-License-Identifier: MPL-2.0
# Prints docs/rooms.md. Reads the sources. A room is schemas, or a directory such as actors/dht with
# all its folders. A room uses another one if a file of it includes a header of that room. Headers
# named *_msg.h hold messages only: an actor includes them to send messages to another actor.

function room_of(path,    names, n) {
    n = split(path, names, "/")
    return names[1] == "schemas" ? "schemas" : names[1] "/" names[2]
}

function add_room(room) {
    if (room in known) return
    known[room] = 1; rooms[++count] = room
}

FNR == 1 { room = room_of(FILENAME); add_room(room) }

/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0; sub(/^[^"]*"/, "", name); sub(/".*/, "", name)
    includes[++include_count] = name; from[include_count] = room
}

# The room of an included header: its first folder names it; without a folder it is the including
# room or schemas.
function target_of(name, room,    head, i) {
    if (name ~ /^wire_[a-z_]*\.h$/ && room != "schemas") return "schemas"
    if (name !~ /\//) return room
    head = name; sub(/\/.*/, "", head)
    for (i = 1; i <= count; i++) if (rooms[i] ~ ("/" head "$")) return rooms[i]
    return room
}

function resolve_includes(    i, target) {
    for (i = 1; i <= include_count; i++) {
        target = target_of(includes[i], from[i])
        if (target == from[i]) continue
        if (includes[i] ~ /_(msg|worker)\.h$/ && from[i] ~ /^actors\//) sends[from[i], target] = 1
        else uses[from[i], target] = 1
    }
}

# The layer of a room is one above the highest room that it uses.
function find_layers(    changed, i, j, rounds) {
    for (i = 1; i <= count; i++) layer[rooms[i]] = 1
    do {
        changed = 0
        for (i = 1; i <= count; i++) for (j = 1; j <= count; j++)
            if ((rooms[i], rooms[j]) in uses && layer[rooms[i]] <= layer[rooms[j]]) {
                layer[rooms[i]] = layer[rooms[j]] + 1; changed = 1
            }
    } while (changed && ++rounds < count)
    if (changed) { print "rooms use each other in a circle" >"/dev/stderr"; failed = 1; exit 1 }
    for (i = 1; i <= count; i++) if (layer[rooms[i]] > top) top = layer[rooms[i]]
}

# Is there a way from a to b over a third room? Then the diagram leaves the direct line out.
function is_implied(a, b,    i) {
    for (i = 1; i <= count; i++)
        if (rooms[i] != b && (a, rooms[i]) in uses && reaches(rooms[i], b)) return 1
    return 0
}

function reaches(a, b,    i) {
    if ((a, b) in uses) return 1
    for (i = 1; i <= count; i++) if ((a, rooms[i]) in uses && reaches(rooms[i], b)) return 1
    return 0
}

function id(room) { gsub(/\//, "_", room); return room }

function list(table, room,    i, text) {
    for (i = 1; i <= count; i++)
        if ((table == "uses" ? (room, rooms[i]) in uses : (room, rooms[i]) in sends))
            text = text (text == "" ? "" : ", ") "`" rooms[i] "`"
    return text
}

END {
    if (failed) exit 1
    resolve_includes()
    find_layers()
    print "# Rooms\n"
    print "Generated from the `#include` lines of the sources: run `tools/docs` after"
    print "a change. The rules are in `tests/tidy/rooms.txt`.\n"
    print "An arrow leads from a room to a room that it uses. If a chain of arrows leads there, the"
    print "direct arrow is left out. A dotted arrow leads to an actor that receives messages.\n"
    print "```mermaid\ngraph TD"
    for (l = top; l >= 1; l--) for (i = 1; i <= count; i++) if (layer[rooms[i]] == l)
        print "    " id(rooms[i]) "[" rooms[i] "]"
    for (i = 1; i <= count; i++) for (j = 1; j <= count; j++) {
        a = rooms[i]; b = rooms[j]
        if ((a, b) in uses && !is_implied(a, b)) print "    " id(a) " --> " id(b)
    }
    for (i = 1; i <= count; i++) for (j = 1; j <= count; j++)
        if ((rooms[i], rooms[j]) in sends) print "    " id(rooms[i]) " -.-> " id(rooms[j])
    print "```\n"
    print "The same as a table. A room uses rooms of lower layers only.\n"
    print "| layer | room | uses | sends messages to |\n|---|---|---|---|"
    for (l = top; l >= 1; l--) for (i = 1; i <= count; i++) if (layer[rooms[i]] == l)
        printf "| %d | `%s` | %s | %s |\n", l, rooms[i], list("uses", rooms[i]),
            list("sends", rooms[i])
}
