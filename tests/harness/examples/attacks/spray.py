import sys; sys.path.insert(0, __import__('os').path.dirname(__file__))
from raw import *; import time
box=sys.argv[1]; V='10.77.0.11'; D='198.51.100.10'; s=sock(); t=time.time()
me='02:00:00:00:00:13'
for p in range(32768,61000): s.send(eth(box,me,ip4(V,D,17,udp(V,p,D,6005,b'pupil data'))))
print('udp sprayed',round(time.time()-t,1),'s')
for p in range(32768,61000):
    inner=ip4(D,V,17,udp(D,6005,V,p,b''))
    b=struct.pack('!BBHI',3,3,0,0)+inner+b'PUPIL-ICMP'*20; b=b[:2]+struct.pack('!H',ck(b))+b[4:]
    s.send(eth(box,me,ip4('10.77.0.13',D,1,b)))
print('icmp sprayed',round(time.time()-t,1),'s')
