"""How dates are written in each language, as the pages' scripts write them (chat/static/chat/words.js); the rest is Django's."""
