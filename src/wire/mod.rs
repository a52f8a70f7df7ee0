//! Pure codecs of what travels on the wire. No sockets, no clocks.
