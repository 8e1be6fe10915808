# SPDX-License-Identifier: MPL-2.0
# Shared by tidy.awk and structure.awk. in_comment: the next line begins inside of a comment.

# The code of a line: comments become a space, strings and characters become empty ones.
# Sets has_comment if any part of the line is a comment.
function code_of(text,    out, n, i, c, two, quote) {
    has_comment = in_comment
    if (!in_comment && text !~ /["'\/]/) return text
    out = ""; n = length(text); quote = ""
    for (i = 1; i <= n; i++) {
        c = substr(text, i, 1); two = substr(text, i, 2)
        if (in_comment) {
            if (two == "*/") { in_comment = 0; i++; out = out " " }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { quote = ""; out = out c }
        } else if (two == "/*") { in_comment = 1; has_comment = 1; i++
        } else if (two == "//") { has_comment = 1; break
        } else {
            if (c == "\"" || c == "'") quote = c
            out = out c
        }
    }
    return out
}
