"""Dead letters as the console shows them: the newest of their topic, one of them closely, and some sent again."""
