"""Copies that bring an installation back: two archives, sealed to a recipient who is offline.

The data archive holds database, sealed files and the keys of the log. The keys archive holds the site key and the
patients' wrapped keys, and nothing else does: old data restored with today's keys leaves an erased patient erased,
so the large archive may be kept for years and only the small one needs a short life.
"""
