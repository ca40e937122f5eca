"""What messages say besides their topic: thanks, spam, products, and what comes later."""
