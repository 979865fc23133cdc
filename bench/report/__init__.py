"""The page and the table of measurements, made from the JSON files that the other benchmarks write.

`readings` reads and compares, `content` and `kernels` say what is shown, `document` has the parts, `charts` draws, `page` writes HTML and
`markdown` Markdown.
"""
