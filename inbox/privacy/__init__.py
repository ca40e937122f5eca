"""What a person outside may ask for, and what the law asks: export, erasure, retention."""
