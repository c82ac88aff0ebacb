"""The chat's proof: real clients at a real server that is cut off and killed, and one table of what came of it (`manage.py chat_proof`)."""
