"""What people say of the sorting becomes a better model, if it is one."""
