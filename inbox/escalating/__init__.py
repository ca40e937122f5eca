"""What a step of the ladder does when its moment has come, and to whom."""
