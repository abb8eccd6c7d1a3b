"""What a project of MongoDB Atlas says of itself, and what of it is wrong for Phaseline.

Written after the published descriptions of two APIs, the Atlas Administration API v2 and the App Services Admin API v3,
and tried against a stand-in for both. Nothing here has met a real Atlas.
"""
