"""Text to tokens and chats to text: what every back end with a tokenizer of its own shares."""
