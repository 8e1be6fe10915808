# SPDX-License-Identifier: MPL-2.0
# Prints docs/states.md. Reads the sources. A diagram has one of two sources:
#
# - a comment with the line "States of enum NAME:" and, below it, one line "FROM -> TO : event" for
#   each transition. FROM and TO are members of the enum without their common prefix. START and END
#   are outside of the enum; ANY is every state. The comment and the enum must have the same states.
# - a table `may_follow[]` with one line "[FROM] = BIT(TO) | BIT(TO)," for each state.

FNR == 1 { machine = ""; enum = ""; in_table = 0 }

/may_follow\[\] = \{/ {
    in_table = ++tables; table_file[tables] = FILENAME; table[tables] = ""
    next
}
in_table {
    if ($0 ~ /^ *\};/) in_table = 0
    else table[in_table] = table[in_table] " " $0
    next
}

/^ \* States of enum [a-z_]+:$/ {
    machine = $5; sub(/:$/, "", machine)
    machines[++count] = machine; place[machine] = FILENAME
    next
}

machine != "" && /^ \* +[A-Z_]+ -> [A-Z_]+ : / {
    text = $0; sub(/^ \* +/, "", text)
    event = text; sub(/^[^:]*: /, "", event)
    split(text, word, " ")
    n = ++transitions[machine]
    source[machine, n] = word[1]; target[machine, n] = word[3]; events[machine, n] = event
    next
}

machine != "" { machine = "" }

/^enum [a-z_]+ \{/ { enum = $2 }
enum != "" {
    text = $0
    sub(/\/\*.*/, "", text); sub(/^enum [a-z_]+ \{/, "", text)
    members[enum] = members[enum] " " text
    if (text ~ /\}/) enum = ""
}

# Turns the table k into transitions of the enum that has its states.
function add_table(k,    entries, n, i, from, name, to, e) {
    n = split(table[k], entries, /\[/)
    for (i = 2; i <= n; i++) {
        from = entries[i]; sub(/\].*/, "", from)
        if (i == 2) for (e in members) if (members[e] ~ ("[ ,]" from "[ ,]")) name = e
        if (i == 2) { machines[++count] = name; place[name] = table_file[k]; read_members(name) }
        while (match(entries[i], /BIT\([A-Z_]+\)/)) {
            to = substr(entries[i], RSTART + 4, RLENGTH - 5)
            entries[i] = substr(entries[i], RSTART + RLENGTH)
            e = ++transitions[name]
            source[name, e] = substr(from, length(prefix) + 1)
            target[name, e] = substr(to, length(prefix) + 1)
        }
    }
}

# The members of an enum without values, commas, and their common prefix up to a `_`.
function read_members(name,    list, n, i) {
    split("", is_member)
    gsub(/[};,]/, " ", members[name])
    n = split(members[name], list, " ")
    prefix = list[1]
    for (i = 2; i <= n; i++) while (prefix != "" && index(list[i], prefix) != 1)
        prefix = substr(prefix, 1, length(prefix) - 1)
    sub(/[^_]*$/, "", prefix)
    for (i = 1; i <= n; i++)
        if (list[i] !~ /_COUNT$/) is_member[substr(list[i], length(prefix) + 1)] = 1
}

function check(name,    i, m, state) {
    if (!(name in members)) fail(name, "there is no such enum")
    read_members(name)
    split("", is_used)
    for (i = 1; i <= transitions[name]; i++) {
        is_used[source[name, i]] = 1; is_used[target[name, i]] = 1
    }
    for (m in is_member) if (!(m in is_used)) fail(name, m " is missing in the comment")
    for (m in is_used)
        if (!(m in is_member) && m !~ /^(START|END|ANY)$/) fail(name, m " is no member")
}

function fail(name, text) {
    print place[name] ":1: docs: states of enum " name ": " text >"/dev/stderr"
    failed = 1
}

function mermaid(state) { return state == "START" || state == "END" ? "[*]" : state }

END {
    print "# States\n"
    print "Generated from the sources: run `tools/docs` after a change."
    for (k = 1; k <= tables; k++) add_table(k)
    for (k = 1; k <= count; k++) {
        name = machines[k]
        check(name)
        print "\n## " name "\n\nSource: `" place[name] "`.\n\n```mermaid\nstateDiagram-v2"
        for (i = 1; i <= transitions[name]; i++)
            if (source[name, i] != "ANY")
                print "    " mermaid(source[name, i]) " --> " mermaid(target[name, i])
        print "```"
        if (!((name, 1) in events)) continue
        print "\n| from | to | event |\n|---|---|---|"
        for (i = 1; i <= transitions[name]; i++)
            print "| " source[name, i] " | " target[name, i] " | " events[name, i] " |"
    }
    exit failed
}
