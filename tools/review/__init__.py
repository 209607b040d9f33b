"""What changed since a revision, for the reviewer of a pull request: `make review SINCE=main`.

revisions     the runs as a commit or the working tree has them
significance  whether a figure changed by more than chance
text          the review as Markdown
page          the report with the review in front
comment       one comment on GitHub, posted once and then updated
run           the one command
"""
