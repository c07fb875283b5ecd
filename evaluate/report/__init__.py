"""The report: runs, their scores and their figures on one page that needs nothing but itself."""
