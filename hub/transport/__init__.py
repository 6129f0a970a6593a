"""The network: `client.py` is the door. Nothing else in the hub sends bytes or waits for them."""
