"""What is true whatever the ERP: pure rules, standard library only."""
