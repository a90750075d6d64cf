"""The labs' pictures, a module for each subject; each shows one idea and says what to see."""
