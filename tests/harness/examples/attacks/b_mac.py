import sys; sys.path.insert(0, __import__('os').path.dirname(__file__))
from raw import *; import time,random
box=sys.argv[1]; secs=float(sys.argv[2]); s=sock(); t=time.time()
while time.time()-t<secs:
    # one device, own address 10.77.0.12, hardware address of the tester: 15 packets a second to closed ports
    s.send(eth(box,'02:70:72:65:61:01',ip4('10.77.0.12','198.51.100.12',17,udp('10.77.0.12',4000,'198.51.100.12',random.randint(20000,60000),b'x'))))
    time.sleep(1/25)
