"""Experimental designs that studies and the card share: arms, grids, effects, calibration."""
