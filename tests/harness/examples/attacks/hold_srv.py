import socket,resource
resource.setrlimit(resource.RLIMIT_NOFILE,(20000,20000))
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('0.0.0.0',9995)); s.listen(4096); k=[]
while True: k.append(s.accept()[0])
