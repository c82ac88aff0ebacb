"""`make demo-providers`: the demo with a full set of credentials, for the twins instead of Vonage and Sendinblue."""
