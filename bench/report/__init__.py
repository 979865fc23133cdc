"""The page and the table of measurements, made from the JSON files that the other benchmarks write.

`readings` reads and compares, `content` says what is shown, `charts` draws, `page` writes HTML and `markdown` Markdown.
"""
