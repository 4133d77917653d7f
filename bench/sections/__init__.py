"""Sections of a bench that is measured on several data sets, one data set or question a file."""
