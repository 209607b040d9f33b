"""Where images come from: archives, mirrors and embedded sets, checked byte by byte."""
