"""The cloud journal checked out, worked on and checked in, without ever being lost.

Three things are compared: the journal's blob, the lock's blob beside it, and what this computer remembers (:mod:`.local_state`).
:mod:`.state` says what they mean together; :mod:`.checkout`, :mod:`.checkin`, :mod:`.unlock` and :mod:`.adopt` change them;
:mod:`.recover` looks after what an interrupted program left; :mod:`.session` puts one command between a check-out and a check-in.
"""
