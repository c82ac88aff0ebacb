"""How a customer's browser gets in: links, the devices that opened them, and the codes that tell two devices apart."""
