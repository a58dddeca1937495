"""Arrays in, arrays and totals out: no loss, no file and no column is known here."""
