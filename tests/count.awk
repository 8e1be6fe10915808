# SPDX-License-Identifier: MPL-2.0
# Reads the output of `ctest -V`, prints what failed with all it said, and last "P F S": how many
# cases passed, failed and were skipped. A case is what cmocka calls a test; a program that is no
# cmocka test counts as one, or says itself "P passed, F failed, S skipped".
# A program that ends badly without a failed case (leak, crash, timeout) is one failed case.

function number_of(line) { match(line, /^[0-9]+/); return substr(line, 1, RLENGTH) }

/^[0-9]+: / {
    n = number_of($0)
    text = $0; sub(/^[0-9]+: /, "", text)
    if (text ~ /^(Test command|Working Directory|Environment variables|Test timeout computed)/) next
    if (text ~ /^ [A-Z_]+=/) next
    said[n] = said[n] text "\n"
    if (text ~ /^\[ RUN      \] /) { failed[n] += is_open[n]; is_open[n] = 1 }
    else if (is_open[n] && text ~ /^\[ +OK +\] /) { is_open[n] = 0; passed[n]++ }
    else if (is_open[n] && text ~ /^\[  FAILED  \] /) { is_open[n] = 0; failed[n]++ }
    else if (is_open[n] && text ~ /^\[  SKIPPED \] /) { is_open[n] = 0; skipped[n]++ }
    else if (text ~ /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/) {
        split(text, w, " "); passed[n] = w[1]; failed[n] = w[3]; skipped[n] = w[5]; is_open[n] = 0
    }
    next
}

/^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: / {
    n = $0; sub(/^[^#]*#/, "", n); name = n; n = number_of(n)
    sub(/^[0-9]+: */, "", name); status = name; sub(/ .*/, "", name)
    sub(/^[^ ]+ \.*/, "", status); gsub(/^[ *]+| +[0-9.]+ sec.*$/, "", status)
    failed[n] += is_open[n]
    if (status ~ /^(Skipped|Not Run \(Disabled\))/) skipped[n] += !skipped[n]
    else if (status !~ /^Passed/) failed[n] += !failed[n]
    else if (!passed[n] && !failed[n] && !skipped[n]) passed[n] = 1
    p += passed[n]; f += failed[n]; s += skipped[n]; programs++
    if (failed[n]) printf "%s%s: %s\n", said[n], name, status
    delete said[n]
}

END {
    if (!programs) { print "no test was run"; f++ }
    printf "%d %d %d\n", p, f, s
}
