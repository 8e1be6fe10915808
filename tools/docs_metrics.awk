# SPDX-License-Identifier: MPL-2.0
# Prints docs/metrics.md. Reads the sources. A counter is an entry X(ID, "name") or
# X(ID, "name", "help") of a table `#define NAME(X)` whose name contains METRIC or COUNTER. A
# refusal is an entry of a table whose name contains REFUSAL.

BEGIN {
    print "# Metrics\n"
    print "Generated from the tables in the sources: run `tools/docs` after a change.\n"
    print "The relay writes all counters to its log when it receives SIGUSR1, one line each:"
    print "`counter name=NAME value=N`. A name that ends in `_total` is a counter: it never"
    print "decreases while the relay runs. Every other name is a gauge."
}

FNR == 1 { kind = "" }

/^#define [A-Z0-9_]+\(X\)/ {
    name = $2; sub(/\(.*/, "", name)
    kind = name ~ /METRIC|COUNTER/ ? "metric" : name ~ /REFUSAL/ ? "refusal" : ""
    if (kind == "metric") begin_table()
    joined = ""; sub(/^[^)]*\)/, "")
}

kind != "" {
    text = $0
    is_last = text !~ /\\$/
    sub(/[ \t]*\\$/, "", text); sub(/^[ \t]+/, "", text)
    if (joined ~ /"$/ && text ~ /^"/) { sub(/"$/, "", joined); sub(/^"/, "", text) }
    else if (joined != "") text = " " text
    joined = joined text
    if (is_last) end_table()
}

function begin_table(    room) {
    room = FILENAME; sub(/\/[^\/]*$/, "", room)
    prefix = ""
    if (room ~ /^plugins\//) { prefix = room; sub(/.*\//, "", prefix); prefix = prefix "_" }
    print "\n## " room "\n"
    header = 0
}

function end_table(    entries, n, i) {
    n = split(joined, entries, /X\(/)
    for (i = 2; i <= n; i++) entry(entries[i])
    kind = ""
}

function entry(text,    part) {
    split(text, part, "\"")
    if (kind == "refusal") { reasons = reasons "| `" part[2] "` | " part[4] " |\n"; return }
    if (!header) print part[4] == "" ? "| name |\n|---|" : "| name | content |\n|---|---|"
    header = 1
    print "| `" prefix part[2] "` |" (part[4] == "" ? "" : " " part[4] " |")
}

END {
    if (reasons == "") exit
    print "\n## Refusals\n"
    print "Refused requests and handshakes are counted by reason: `refusals reason=REASON value=N`."
    print "A refusal without a text closes the connection.\n"
    printf "| reason | text of the reply |\n|---|---|\n%s", reasons
}
