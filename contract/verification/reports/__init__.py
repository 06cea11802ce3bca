"""Reports of a run: on the terminal, as JSON, JUnit XML, Markdown, HTML and HAR; none of them ever has a key."""
