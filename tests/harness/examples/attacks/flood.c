// flood BOXMAC proto(udp|syn) SRCIP DST DPORT NMACS PPS SECONDS  : source hardware addresses 06:00:00:xx:xx:xx
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <arpa/inet.h>
static unsigned sum(const unsigned char*p,int n,unsigned s){for(int i=0;i+1<n;i+=2)s+=(p[i]<<8)|p[i+1];if(n&1)s+=p[n-1]<<8;return s;}
static unsigned short fin(unsigned s){while(s>>16)s=(s&0xffff)+(s>>16);return ~s;}
static double now(){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+t.tv_nsec/1e9;}
int main(int c,char**v){
 int syn=!strcmp(v[2],"syn"),dport=atoi(v[5]);long nm=atol(v[6]),pps=atol(v[7]);double secs=atof(v[8]);
 int s=socket(AF_PACKET,SOCK_RAW,0);struct sockaddr_ll a={.sll_family=AF_PACKET,.sll_ifindex=if_nametoindex("eth0"),.sll_halen=6};
 bind(s,(void*)&a,sizeof a);
 enum{B=64};static unsigned char f[B][120];struct mmsghdr m[B];struct iovec io[B];memset(m,0,sizeof m);
 unsigned char bm[6];sscanf(v[1],"%hhx:%hhx:%hhx:%hhx:%hhx:%hhx",bm,bm+1,bm+2,bm+3,bm+4,bm+5);
 unsigned char fixed[6];int hasfix=c>9;if(hasfix)sscanf(v[9],"%hhx:%hhx:%hhx:%hhx:%hhx:%hhx",fixed,fixed+1,fixed+2,fixed+3,fixed+4,fixed+5);
 int dns=!strcmp(v[2],"dns");int l=syn?40:dns?28+12+1+8+9+4:33;
 for(int i=0;i<B;i++){io[i].iov_base=f[i];io[i].iov_len=14+l;m[i].msg_hdr.msg_iov=&io[i];m[i].msg_hdr.msg_iovlen=1;
  m[i].msg_hdr.msg_name=&a;m[i].msg_hdr.msg_namelen=sizeof a;
  memcpy(f[i],bm,6);f[i][12]=8;f[i][13]=0;unsigned char*h=f[i]+14;h[0]=0x45;h[2]=0;h[3]=l;h[8]=64;h[9]=syn?6:17;
  inet_pton(AF_INET,v[3],h+12);inet_pton(AF_INET,v[4],h+16);unsigned short k=fin(sum(h,20,0));h[10]=k>>8;h[11]=k;}
 double t0=now();long n=0;srand(getpid());unsigned mi=rand();
 while(now()-t0<secs){
  int b=pps<2000?8:B;
  for(int i=0;i<b;i++){unsigned x=(mi++)%nm;unsigned char*e=f[i]+6;if(hasfix)memcpy(e,fixed,6);else{e[0]=6;e[1]=0;e[2]=0;e[3]=x>>16;e[4]=x>>8;e[5]=x;}
   unsigned char*h=f[i]+14,*t=h+20;unsigned sp=1024+rand()%60000,dp=dport?dport:20000+rand()%30000;
   memset(t,0,l-20);t[0]=sp>>8;t[1]=sp;t[2]=dp>>8;t[3]=dp;
   if(syn){unsigned q=rand();memcpy(t+4,&q,4);t[12]=0x50;t[13]=2;t[14]=0xff;unsigned short k=fin(sum(h+12,8,sum(t,20,6+20)));t[16]=k>>8;t[17]=k;}
   else if(dns){t[5]=l-20;unsigned char*q=t+8;q[0]=rand();q[2]=1;q[5]=1;q+=12;q[0]=8;for(int z=1;z<9;z++)q[z]="abcdefghijklmnopqrstuvwxyz"[rand()%26];memcpy(q+9,"\7example\0\0\1\0\1",13);}else{t[5]=l-20;}}
  int r=sendmmsg(s,m,b,0);if(r>0)n+=r;
  double due=t0+(double)n/pps,d=due-now();if(d>0)usleep(d*1e6);
 }
 printf("sent %ld in %.1fs\n",n,now()-t0);
}
