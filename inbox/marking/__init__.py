"""What people add to conversations: tags, own fields, and following them."""
