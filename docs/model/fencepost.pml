/* Fencepost protocol (DESIGN.md + the corrections of protocol-review.md). One command; each Lua script is one atomic step.
   Agents crash anywhere, restart with the same data directory (lock: one live process per agent; journal durable), sessions count up.
   Any call: answered | executed, reply lost (budget L) | parked in a one-slot network buffer and delivered or dropped at ANY later time (budget D).
   Recovery: XAUTOCLAIM (claim) and script (recover) are two steps; NR recoverers; claims of a live agent's entry cost budget FR (pause, partition, outage).
   -DBESIDE an outcome is journalled while it is reported   -DPOLRETRY onAgentLost:retry   -DLEASE self-abort assumption   -DHTTP gateway calls (`next` and settle of an OLD session may run late)
   -DCOPY agents 1 and 2 are one instance with one name, and two directories: at some time 2 becomes a copy of 1 (who runs or not), so that two
   runs of one instance may live at once (decision 0011). Who is registered, and admitted, are steps of their own then, and a run knows a dead one only by proof.
   -DANEW at some time the command is deleted by hand, whatever it was doing, and submitted anew with its key: its attempts begin at 1 again. Ghosts are
   kept by delivery then, since an attempt's number names two executions.
   -DNO_x drops guard x (mutants). Entry states: 0 gone, 1 in stream undelivered, 2 in the pending list of own[e]. */
#ifndef A
#define A 2
#endif
#ifndef K
#define K 1          /* crashes */
#endif
#ifndef L
#define L 1          /* lost replies */
#endif
#ifndef D
#define D 1          /* parked requests */
#endif
#ifndef FR
#define FR 1         /* claims from a live agent */
#endif
#ifndef REL
#define REL 0        /* releases */
#endif
#ifndef OP
#define OP 0         /* operator retries */
#endif
#ifndef CN
#define CN 0         /* cancels */
#endif
#ifndef GV
#define GV false     /* agents may give an attempt up by themselves */
#endif
#ifndef MAXA
#define MAXA 1       /* maxAttempts for own errors (budget of scheduled retries = MAXA-1) */
#endif
#ifndef MAXL
#define MAXL 2       /* maxLosses */
#endif
#ifndef STRANGER
#define STRANGER 0   /* the agent that does not know the type (0: all know it); what it meets it moves to the lane, which it does not read */
#endif
#ifdef COPY
#define N(a) ((a)==2 -> 1 : (a))    /* the name (agentId) of the process */
#define NAMEUP(n) (up[n] || ((n)==1 && up[2]))
#else
#define N(a) (a)
#define NAMEUP(n) (up[n])
#endif
#ifndef NR
#define NR 1
#endif
#define NE 10
#define NT 8
#define PEND 1
#define RUN 2
#define DONE 3
#define FAIL 4
#define GAVE 5        /* reported only: its agent itself gave the attempt up (error AGENT_LOST) */
#define NO 0
#define UNK 1
#define YES 2
#ifdef BUG_RCSELF
#define REC 1                       /* mutant: recovery claims under agent 1's own consumer name */
#else
#define REC (A+1)                   /* reserved consumer name, never an agentId */
#endif
/* ---- Redis (durable) ---- */
byte status=PEND, attempt, losses, ownfails, ent=1, nent=1, acc=NO, ex=NO, life=0;
byte mkT, mkA, mkS;                 /* marker: mkT=0 means unset; agents are 1..A */
byte repT, repS, repO;              /* last accepted report (for the same answer to the same call) */
byte st[NE], own[NE]; bool ln[NE];  /* ln: the entry is in the lane of its type */
byte cur[A+1];                      /* session fence of the agent, in this partition */
#ifdef COPY
#define NS 12
#define BIT(x) (1<<(x))
#define LIVES(x) (up[dir[x]] && sess[dir[x]]==(x))
byte reg;                           /* who holds the name 1 (decision 0011): a session, whose number is also its boot */
byte ns, adm, dir[NS]; bool copied; /* ghosts: sessions so far, the newest that was admitted, whose directory a session is of */
short runs[A+1], dead[A+1], qd[A+1]; /* runs: on the disk; dead: those of them that the run has proved dead (`earlier`); qd: what a parked call says of them */
bool ousted;
#define DEADOF(a) dead[a]
#else
#define DEADOF(a) 0
#endif
bool sch, due, cnreq;
#ifdef ANEW
#define GI(t,x) (x)
#define TK(x) (x)                   /* a report carries the ticket of its delivery */
bool anew; byte past;               /* it has happened; ghost: attempts of the command that is gone */
byte je[A+1];                       /* journalled: the ticket */
#define NG NE
#define KEEP(x) je[me]=x
#else
#define GI(t,x) (t)
#define TK(x) 0
#define NG NT
#define KEEP(x) skip
#endif
/* ---- agents' disk ---- */
byte jr[A+1], jt[A+1], js[A+1], sess[A+1];
/* ---- network slot per agent ---- */
#define qSTART 1
#define qREPORT 2
#define qRENEW 3
#define qRELEASE 4
#define qABANDON 5
#define qNEXT 6
byte qk[A+1], qe[A+1], qt[A+1], qs[A+1], qo[A+1];
/* ---- ghosts and budgets ---- */
bool up[A+1], live[A+1], lapsed[A+1];
byte effects[NG], effT, gout[NG], gx[NG], gs[NG];
byte nk, nl, nd, nfr, nrel, nop, ncn; bool faulty;
bool rewritten, wrongResult, unexplained, begun, falseLoss, ghostStart, early;
byte dummy, pe, prove;

#define mine(a,s,t) (mkT!=0 && mkT==(t) && N(mkA)==N(a) && mkS==(s))     /* mkA is the process, as a ghost; the marker has its name */
#ifdef UPKEEP
bool listed=true, retired, dismissed;   /* listed: the queue is in the set `queues`, so recovery looks at it */
#ifdef NO_JOIN
#define JOIN
#else
#define JOIN listed=true;
#endif
#define LISTED(x) (listed || ln[x])
#else
#define JOIN
#define LISTED(x) true
#endif
inline ack(x) { st[x]=0; own[x]=0 }
inline addentry() { nent++; assert(nent<NE); st[nent]=1; own[nent]=0; JOIN ent=nent }
inline requeue() { ack(ent); mkT=0; mkA=0; mkS=0; status=PEND; addentry() }
inline terminal(v,x) { 
  if :: status>=DONE -> rewritten=true :: else fi;
  if :: v==FAIL && x==UNK && !faulty -> unexplained=true :: else fi;
  status=v; ex=x; ack(ent); mkT=0; mkA=0; mkS=0; sch=false; life++ }
inline lostrule() {
  if :: up[mkA] && mkS==sess[mkA] && !lapsed[mkA] -> falseLoss=true :: else fi;
  losses++;
  if :: acc<UNK -> acc=UNK :: else fi;
#ifdef POLRETRY
  if :: losses<MAXL && !cnreq -> requeue() :: else -> terminal(FAIL,acc) fi
#else
  terminal(FAIL,acc)
#endif
}
/* ---- guards, one macro each, so that a mutant drops exactly one ---- */
#ifdef NO_FENCE
#define gFENCE(a,s) true
#else
#define gFENCE(a,s) (s==cur[N(a)])
#endif
#ifdef NO_STOWNER
#define gSTOWN(a,x) true
#else
#define gSTOWN(a,x) (st[x]==2 && own[x]==N(a))
#endif
#ifdef NO_STENTRY
#define gSTENT(x) true
#else
#define gSTENT(x) (x==ent)
#endif
#ifdef NO_MARKER
#define gFRESH (status==PEND || status==RUN)
#else
#define gFRESH (status==PEND && mkT==0)
#endif
#ifdef BUG_SAMENAME
#define gSAME(a,s) (N(mkA)==N(a))
#else
#define gSAME(a,s) (N(mkA)==N(a) && mkS==s)
#endif
#ifdef NO_RNMARK
#define gRN(a,s,t) true
#else
#define gRN(a,s,t) mine(a,s,t)
#endif
#ifdef NO_RPMARK
#define gRP(a,s,t) (status==RUN)
#elif defined(NO_RPATT)
#define gRP(a,s,t) (status==RUN && mkT!=0 && N(mkA)==N(a) && mkS==s)
#elif defined(NO_RPSESS)
#define gRP(a,s,t) (status==RUN && mkT!=0 && N(mkA)==N(a) && mkT==t)
#elif defined(NO_RPSTATUS)
#define gRP(a,s,t) (attempt==t && gx[t]==a && gs[t]==s)
#else
#define gRP(a,s,t) (status==RUN && mine(a,s,t))
#endif
#if defined(ANEW) && !defined(NO_RPTICK)
#define gTICK(x) ((x)==ent)
#else
#define gTICK(x) true
#endif
#ifdef NO_RLUNST
#define gRLU true
#else
#define gRLU (status==PEND && mkT==0)
#endif
#ifdef NO_RLENT
#define gRLE(a,x) (st[x]==2)
#else
#define gRLE(a,x) (st[x]==2 && own[x]==N(a) && x==ent)
#endif
#ifdef NO_RLMARK
#define gRLM(a,s,t) (status==RUN)
#else
#define gRLM(a,s,t) (status==RUN && mine(a,s,t))
#endif
#ifdef NO_ABFENCE
#define gABF(a,s) true
#else
#define gABF(a,s) (s==cur[N(a)])
#endif
#ifdef NO_ABOWN
#define gABO(a,x) (st[x]==2)
#else
#define gABO(a,x) (st[x]==2 && own[x]==N(a))
#endif
#ifdef NO_ABSESS
#define gABS(a,s,d) true
#elif defined(NO_ABLIST)
#define gABS(a,s,d) (N(mkA)==N(a) && mkS<s)                  /* every lower boot of the instance, as before decision 0011 */
#elif defined(COPY)
#define gABS(a,s,d) (N(mkA)==N(a) && mkS!=s && (((d)>>mkS)&1))
#else
#define gABS(a,s,d) (mkA==a && mkS<s)                        /* one process at a time: its earlier sessions are the dead ones */
#endif
/* who may take the name: the session itself, and another when its holder is proved dead, or was silent for its lease, as the dead are */
#ifdef NO_RGOTHER
#define gREG(a,s) (s>=reg)
#else
#define gREG(a,s) (s>=reg && (reg==0 || reg==s || ((dead[a]>>reg)&1) || !LIVES(reg)))
#endif
#ifdef NO_ADMIT
#define gADM(a,s,seen) true
#else
#define gADM(a,s,seen) (cur[N(a)]==seen && s>=cur[N(a)])
#endif
#ifdef COPY
#define GHOST(a,s) (s!=cur[N(a)] || s<adm)
#else
#define GHOST(a,s) (s!=cur[a])
#endif
#ifdef NO_RCOWN
#define gRCO(x) (st[x]==2)
#else
#define gRCO(x) (st[x]==2 && own[x]==REC)
#endif
#ifdef NO_RCENTRY
#define gRCE(x) true
#else
#define gRCE(x) (gRCO(x) && x==ent)
#endif
/* ---------------- scripts ---------------- r: 1 refused, 2 yes */
inline sStart(me,s,x,r,t) {
  if
  :: !gSTOWN(me,x) -> r=1
  :: gSTOWN(me,x) && !gSTENT(x) -> ack(x); r=1
  :: gSTOWN(me,x) && gSTENT(x) && !gFENCE(me,s) -> r=1
  :: gSTOWN(me,x) && gSTENT(x) && gFENCE(me,s) ->
     if
     :: status==RUN && mkT!=0 && gSAME(me,s) -> own[ent]=N(me); lapsed[me]=false; t=mkT; r=2
     :: gFRESH && me==STRANGER && !(status==RUN && mkT!=0 && gSAME(me,s)) -> ack(x); addentry(); ln[ent]=1; r=1
     :: gFRESH && me!=STRANGER && !(status==RUN && mkT!=0 && gSAME(me,s)) ->
        if :: GHOST(me,s) -> ghostStart=true :: else fi; attempt++; assert(attempt<NT); mkT=attempt; mkA=me; mkS=s; status=RUN; t=attempt; r=2; lapsed[me]=false;
        if :: x==ent && st[x]!=0 -> st[x]=2; own[x]=N(me) :: else fi
     :: else -> r=1
     fi
  fi }
inline sRenew(me,s,t,r) {
  if
  :: status==RUN && gRN(me,s,t) -> own[ent]=N(me); lapsed[me]=false; r=2
  :: else -> r=1 fi }
inline sReport(me,s,t,o,x,r) {      /* x: ticket; r: 1 late, 2 accepted */
  if
  :: gRP(me,s,t) && gTICK(x) ->
     if :: gout[GI(t,ent)]!=o || N(gx[GI(t,ent)])!=N(me) || gs[GI(t,ent)]!=s || mkT!=t -> wrongResult=true :: else fi;
     acc=YES; repT=t; repS=s; repO=o; r=2;
     if
     :: o==GAVE -> lapsed[mkA]=true; lostrule()
     :: o==DONE -> terminal(DONE,YES)
     :: o==FAIL ->
        if
        :: ownfails<MAXA-1 && !cnreq -> ownfails++; ack(ent); mkT=0; mkA=0; mkS=0; status=PEND; sch=true; due=false; ent=0
        :: else -> terminal(FAIL,YES)
        fi
     fi
  :: else -> if :: repT==t && repS==s && repO==o -> r=2 :: else -> r=1 fi
  fi }
inline sRelease(me,s,x,t,r) {
  if
  :: t==0 && gRLE(me,x) && gRLU -> requeue(); r=2
  :: t!=0 && gRLM(me,s,t) -> requeue(); r=2
  :: else -> r=1 fi }
inline sAbandon(me,s,x,d,r) {
  if
  :: gABF(me,s) && gABO(me,x) && x!=ent -> ack(x); r=2
  :: gABF(me,s) && gABO(me,x) && x==ent && status==PEND && mkT==0 -> requeue(); r=2
  :: gABF(me,s) && gABO(me,x) && x==ent && status==RUN && gABS(me,s,d) -> lostrule(); r=2
  :: else -> r=1
  fi }
inline sRecover(x) {
  if
  :: gRCO(x) && gRCE(x) && status==RUN -> lostrule()
  :: gRCO(x) && gRCE(x) && status==PEND && mkT==0 -> requeue()
  :: gRCO(x) && !gRCE(x) -> ack(x)
  :: else -> skip
  fi }
inline sCancel() {
  if
#ifdef NO_ACCUM
  :: status==PEND -> terminal(FAIL,NO)
#else
  :: status==PEND -> terminal(FAIL,acc)
#endif
  :: status==RUN -> cnreq=true
  :: else -> skip fi }
inline sRetry(seen) {
  if
#ifdef NO_RTLIFE
  :: status==FAIL -> 
#else
  :: status==FAIL && life==seen ->
#endif
     mkT=0; mkA=0; mkS=0; status=PEND; cnreq=false; losses=0; ownfails=0; addentry()
  :: else -> skip fi }
inline sPromote() {
  if
#ifdef NO_PRDUE
  :: status==PEND && sch -> if :: !due -> early=true :: else fi; sch=false; addentry()
#else
#ifdef NO_PRREM
  :: status==PEND && (due||!sch) -> sch=false; addentry()
#else
  :: status==PEND && sch && due -> sch=false; addentry()
#endif
#endif
  :: else -> skip fi }
/* ---------------- calls ---------------- r=0: no answer */
#ifdef COPY
inline park(k,x,t,s,o) { nd++; faulty=true; qk[me]=k; qe[me]=x; qt[me]=t; qs[me]=s; qo[me]=o; if :: k==qABANDON -> qd[me]=dead[me] :: else fi; r=0 }
#define PARKED(a) qd[a]
#else
inline park(k,x,t,s,o) { nd++; faulty=true; qk[me]=k; qe[me]=x; qt[me]=t; qs[me]=s; qo[me]=o; r=0 }
#define PARKED(a) 0
#endif
#define LOSE (nl<L) -> nl++; faulty=true
#define CANPARK (nd<D && qk[me]==0)
inline cStart()   { atomic { r=0; if :: sStart(me,s,e,r,t) :: LOSE; sStart(me,s,e,r,dummy); dummy=0; r=0 :: CANPARK -> park(qSTART,e,0,s,0)
#ifdef HTTP
   :: CANPARK -> park(qNEXT,0,0,s,0)
#endif
   fi } }
inline cRenew()   { atomic { r=0; if :: sRenew(me,s,t,r) :: LOSE; sRenew(me,s,t,r); r=0 :: CANPARK -> park(qRENEW,e,t,s,0) fi } }
inline cReport(u,v,w,x) { atomic { r=0; if :: sReport(me,v,u,w,x,r) :: LOSE; sReport(me,v,u,w,x,r); r=0 :: CANPARK -> park(qREPORT,x,u,v,w) fi } }
inline cRelease(u){ atomic { r=0; if :: sRelease(me,s,e,u,r) :: LOSE; sRelease(me,s,e,u,r); r=0 :: CANPARK -> park(qRELEASE,e,u,s,0) fi } }
inline cAbandon() { atomic { r=0; if :: sAbandon(me,s,e,DEADOF(me),r) :: LOSE; sAbandon(me,s,e,DEADOF(me),r); r=0 :: CANPARK -> park(qABANDON,e,0,s,0)
#ifdef HTTP
   :: CANPARK -> park(qABANDON,0,0,s,0)
#endif
   fi } }
#define CRASH :: atomic { (nk<K) -> nk++; faulty=true; up[me]=false; live[me]=false; e=0;t=0;s=0;r=0;o=0;relT=0; seen=0 }; goto boot
#define ANY(P) (P(1)||P(2)||P(3)||P(4)||P(5)||P(6)||P(7)||P(8)||P(9))
#define WAITS(x) (st[x]==1 && (me!=STRANGER || !ln[x]))
#ifdef COPY
#define MYLEFT(x) (st[x]==2 && own[x]==N(me) && !(x==ent && status==RUN && !gABS(me,s,dead[me])))
#else
#define MYLEFT(x) (st[x]==2 && own[x]==me && !(x==ent && status==RUN && mkA!=me))
#endif
#ifdef SWEEPALL
#define MYSWEEP(x) (st[x]==2 && own[x]==N(me))      /* asks for everything under its name, also for what another session left */
#else
#define MYSWEEP(x) (st[x]==2 && own[x]==N(me) && (x!=ent || status==PEND || (status==RUN && N(mkA)==N(me) && mkS==s)))
#endif
#define ISMINE(x) (st[x]==2 && own[x]==N(me))
#ifdef BUG_RCSELF
#define DEADOWNER(x) (!NAMEUP(own[x]) || (x==ent && status==RUN && !(up[mkA] && mkS==sess[mkA])))
#else
#define DEADOWNER(x) (own[x]==REC || !NAMEUP(own[x]) || (x==ent && status==RUN && !(up[mkA] && mkS==sess[mkA])))
#endif
#define CLAIMDEAD(x) (st[x]==2 && LISTED(x) && DEADOWNER(x))
#ifdef LEASE
#define CLAIMLIVE(x) (st[x]==2 && LISTED(x) && !DEADOWNER(x) && !(x==ent && status==RUN && live[mkA]))
#else
#define CLAIMLIVE(x) (st[x]==2 && LISTED(x) && !DEADOWNER(x))
#endif
inline find(cond) { pe=1; do :: pe<=nent && !(cond) -> pe++ :: else -> break od; if :: pe>nent -> pe=0 :: else fi }

#define GONE up[me]=false; e=0; t=0; s=0; r=0; o=0; relT=0; seen=0
#ifdef BUG_LOCKPROOF
#define PROVE dead[me]=runs[me];                      /* mutant: the lock on a directory proves every run that it knows of dead */
#else
/* dead for certain: those that had locked this very directory; and others whose process this machine does not have, if it can be told */
#define PROVE if :: pe=1 :: pe=0 fi; \
    prove=1; do :: prove<ns -> if :: ((runs[me]>>prove)&1) && (dir[prove]==me || (pe==1 && !LIVES(prove))) -> dead[me]=dead[me]|BIT(prove) :: else fi; prove++ :: else -> break od; prove=0; pe=0;
#endif
proctype Agent(byte me) {
  byte e,t,s,r,o,relT,seen;
boot:
#ifdef COPY
  atomic { (!up[me] && (me!=2 || copied)) -> up[me]=true; ns++; assert(ns<NS);
#ifdef BUG_COPYSESS
    s=sess[me]+1; sess[me]=s; dir[s]=me; dead[me]=runs[me] & ~BIT(s);   /* mutant: counted in the directory, so a copy counts the same */
#else
    s=ns; sess[me]=s; dir[s]=me; dead[me]=0; PROVE
#endif
    runs[me]=runs[me]|BIT(s) }
name:                                                 /* waits until the name is to be had, or a newer run has it */
  atomic { (s<reg || gREG(me,s) || nfr<FR) -> seen=cur[N(me)] };
  if :: skip CRASH fi;
  if
  :: atomic { s<reg -> GONE }; goto boot
  :: atomic { gREG(me,s) -> if :: reg!=0 && reg!=s && LIVES(reg) -> ousted=true :: else fi; reg=s }
  :: atomic { s>reg && nfr<FR -> nfr++; faulty=true; reg=s }              /* a live holder was silent for its lease */
  :: atomic { s>=reg && !gREG(me,s) && nfr>=FR -> skip }; goto name
  fi;
  if :: skip CRASH fi;
  if
  :: atomic { gADM(me,s,seen) -> cur[N(me)]=s; if :: s>adm -> adm=s :: else fi; seen=0 }
  :: atomic { !gADM(me,s,seen) -> GONE }; goto boot
  fi;
#else
  atomic { (!up[me]) -> up[me]=true; sess[me]++; s=sess[me]; cur[me]=s };  /* lock, register: raises the fence */
#endif
settle:
  do
  :: atomic { jr[me]!=0 -> skip }; cReport(jt[me],js[me],jr[me],TK(je[me])); 
     if :: atomic { r!=0 -> jr[me]=0; jt[me]=0; js[me]=0; KEEP(0); r=0 } :: r==0 CRASH fi
#ifdef NOHASTE
  :: jr[me]==0 -> break                               /* fresh directory: another instance may not settle, it waits for the lease */
#endif
  :: atomic { jr[me]==0 -> find(MYLEFT(pe)); e=pe; pe=0; r=0;
       if :: e==0 -> break :: else fi };
     cAbandon();
#ifdef COPY
     if :: atomic { r==1 && s!=cur[N(me)] -> GONE }; goto boot
        :: atomic { !(r==1 && s!=cur[N(me)]) -> e=0; r=0 } CRASH fi
#else
     if :: atomic { true -> e=0; r=0 } CRASH fi
#endif
  od;
#ifdef COPY
  runs[me]=BIT(s);                                    /* what the earlier ones left is settled */
#endif
loop:
  atomic { e=0; t=0; r=0; o=0 };
end1:
  atomic {
    if
    :: ANY(WAITS) -> find(WAITS(pe)); e=pe; pe=0; st[e]=2; own[e]=N(me)        /* XREADGROUP > */
    :: (nl<L) && ANY(WAITS) -> nl++; faulty=true; find(WAITS(pe)); e=pe; pe=0; st[e]=2; own[e]=N(me); e=0 /* its reply lost */
    :: ANY(MYSWEEP) -> find(MYSWEEP(pe)); e=pe; pe=0  /* own-pending sweep */
    fi }
  if :: e==0 -> goto loop :: else fi;
  if :: skip
     :: atomic { (nrel<REL) -> nrel++ }; cRelease(0); goto loop               /* drain: hand back what was not started */
     CRASH fi;
ask:
  cStart();
  if
#ifdef COPY
  :: atomic { r==1 && s!=cur[N(me)] -> GONE }; goto boot  /* `old-session`: it stops */
  :: atomic { r==1 && s==cur[N(me)] -> skip }; goto loop
#else
  :: r==1 -> goto loop
#endif
  :: r==0 -> 
#ifdef BUG_NOANSEXEC
     atomic { if :: status==RUN && mkA==me && mkS==s -> t=mkT :: else -> t=attempt fi; if :: t==0 -> goto loop :: else fi }; goto exec
#else
     goto loop                                        /* the sweep asks again in the same session */
#endif
  :: r==2
  CRASH
  fi;
  if
#ifndef NO_RLNEVER
  :: t==relT -> cRelease(t); goto loop
  :: t!=relT
#else
  :: true
#endif
  :: atomic { (nrel<REL && t!=relT) -> nrel++; relT=t }; cRelease(t); goto loop
  CRASH
  fi;
exec:
#ifdef LEASE
  if :: !lapsed[me]
     :: lapsed[me] -> goto loop
     :: lapsed[me] -> cRenew(); if :: r==2 :: r!=2 -> goto loop fi      /* woke up late: executes only if the renewal succeeds */
  fi;
#endif
  atomic {
#ifdef LEASE
    if :: lapsed[me] -> goto loop :: else fi;
#endif
    live[me]=true; effects[GI(t,e)]++; effT++; gx[GI(t,e)]=me; gs[GI(t,e)]=s; r=0 };
  if :: skip
     :: cRenew(); if :: r==1 -> skip :: else fi
     CRASH fi;
  atomic { live[me]=false; r=0; if :: o=DONE :: o=FAIL :: (GV) -> o=GAVE fi; gout[GI(t,e)]=o };
  if :: skip CRASH fi;
#ifdef BESIDE
  /* journal and report begin together (decision 0006): either may end first, and a crash may come between */
  do
  :: atomic { jr[me]==0 -> jr[me]=o; jt[me]=t; js[me]=s; KEEP(e) }
  :: r==0 -> cReport(t,s,o,TK(e))
  :: r!=0 && jr[me]!=0 -> break
  CRASH
  od;
#else
#ifndef BUG_NOJOURNAL
  atomic { jr[me]=o; jt[me]=t; js[me]=s; KEEP(e) };
#endif
  do
  :: if :: skip CRASH fi;
     cReport(t,s,o,TK(e));
     if :: r!=0 -> break :: r==0 fi
  od;
#endif
  if :: skip CRASH fi;
  atomic { jr[me]=0; jt[me]=0; js[me]=0; KEEP(0) };
  goto loop
}
/* the network: delivers or drops what was parked, at any time, dead sender or not */
proctype Net(byte me) {
  byte r,t;
end2:
  do
  :: atomic { qk[me]!=0 ->
      if
      :: qk[me]==qSTART -> sStart(me,qs[me],qe[me],r,t); qk[me]=0
      :: qk[me]==qREPORT -> sReport(me,qs[me],qt[me],qo[me],qe[me],r); qk[me]=0
      :: qk[me]==qRENEW -> sRenew(me,qs[me],qt[me],r); qk[me]=0
      :: qk[me]==qRELEASE -> sRelease(me,qs[me],qe[me],qt[me],r); qk[me]=0
      :: qk[me]==qABANDON && qe[me]!=0 -> sAbandon(me,qs[me],qe[me],PARKED(me),r); qk[me]=0
      :: qk[me]==qABANDON && qe[me]==0 -> find(ISMINE(pe));          /* a gateway settles for an old session */
         if :: pe!=0 -> sAbandon(me,qs[me],pe,PARKED(me),r) :: else fi; pe=0; qk[me]=0
      :: qk[me]==qNEXT -> find(WAITS(pe) || (st[pe]==2 && own[pe]==N(me)));         /* a gateway reads and starts for a client that is gone */
         if
         :: pe!=0 -> st[pe]=2; own[pe]=N(me); qe[me]=pe; sStart(me,qs[me],pe,r,t); pe=0;
#ifdef BUG_GWRELEASE
            if :: r==2 -> qk[me]=qRELEASE; qt[me]=t :: else -> qk[me]=0 fi
#else
            qk[me]=0
#endif
         :: else -> pe=0; qk[me]=0
         fi
      :: qk[me]=0
      fi;
      if :: qk[me]==0 -> qe[me]=0; qt[me]=0; qs[me]=0; qo[me]=0;
#ifdef COPY
         qd[me]=0
#endif
      :: else fi; r=0; t=0 }
  od }
/* recovery: claim, then resolve; the gap is a pause or a crash of the recoverer */
proctype Recoverer() {
  byte x;
end3:
  do
  :: atomic { ANY(CLAIMDEAD) -> find(CLAIMDEAD(pe)); x=pe; pe=0; own[x]=REC;
       if :: x==ent && status==RUN -> lapsed[mkA]=true :: else fi }
     if :: atomic { sRecover(x); x=0 } :: x=0 fi
  :: atomic { (nfr<FR) && ANY(CLAIMLIVE) -> find(CLAIMLIVE(pe)); x=pe; pe=0;
       nfr++; faulty=true;
       own[x]=REC;
       if :: x==ent && status==RUN -> lapsed[mkA]=true :: else fi }
     if :: atomic { sRecover(x); x=0 } :: x=0 fi
  od }
#ifdef UPKEEP
#define USED(x) (st[x]!=0)
#define LANED(x) (st[x]!=0 && ln[x])
#ifdef NO_RTEMPTY
#define gRTE true
#else
#define gRTE (!ANY(USED))
#endif
#ifdef NO_LNEMPTY
#define gLNE true
#else
#define gLNE (!ANY(LANED))
#endif
#ifdef NO_DMEMPTY
#define gDME(n) true
#else
#define OFNAME(x) (st[x]==2 && own[x]==who)
#define gDME(n) (!ANY(OFNAME))
#endif
/* decision 0015: `retire` deletes the stream of a queue (its command was never counted), `recover` that of a lane, and `dismiss` forgets a
   consumer with whatever is pending under it (3: in the stream, delivered, and nobody's); each once, at any time */
proctype Upkeep() { byte who=1, i;
end6:
  do
  :: atomic { !retired && gRTE -> retired=true; i=1; do :: i<=nent -> if :: !ln[i] -> st[i]=0; own[i]=0 :: else fi; i++ :: else -> break od; i=0; listed=false }
  :: atomic { !retired && gLNE -> retired=true; i=1; do :: i<=nent -> if :: ln[i] -> st[i]=0; own[i]=0 :: else fi; i++ :: else -> break od; i=0 }
  :: atomic { !dismissed && gDME(who) -> dismissed=true; i=1; do :: i<=nent -> if :: st[i]==2 && own[i]==who -> st[i]=3; own[i]=0 :: else fi; i++ :: else -> break od; i=0 }
  :: atomic { !dismissed && who<A -> who++ }
  od }
#endif
#ifdef ANEW
/* hash, marker and entry are gone, and the client asks again */
proctype Client() {
end7:
  do
  :: atomic { !anew -> anew=true; faulty=true; past=attempt;
       if :: ent!=0 -> ack(ent) :: else fi;
       status=PEND; attempt=0; losses=0; ownfails=0; acc=NO; ex=NO; life=0; sch=false; due=false; cnreq=false;
       mkT=0; mkA=0; mkS=0; repT=0; repS=0; repO=0; addentry() }
  od }
#endif
proctype Oper() { byte seen;
end4:
  do
  :: atomic { ncn<CN -> ncn++; sCancel() }
  :: atomic { nop<OP && status==FAIL -> nop++; seen=life };
     atomic { sRetry(seen) };
     if :: skip :: atomic { (nl<L) -> nl++; faulty=true }; atomic { sRetry(seen) } fi; seen=0   /* the client library resends */
  od }
proctype Promoter() {
end5:
  do
  :: atomic { sch && !due -> due=true }
  :: atomic { sch && due -> skip }; atomic { sPromote() }
#ifdef NO_PRDUE
  :: atomic { sch && !due -> sPromote() }
#endif
  od }
#ifdef COPY
proctype Copier() {                                   /* with journal, counter and list of runs; the original may live */
  atomic { copied=true; runs[2]=runs[1]; jr[2]=jr[1]; jt[2]=jt[1]; js[2]=js[1];
#ifdef BUG_COPYSESS
    sess[2]=sess[1]
#endif
  } }
#endif
init {
  byte i;
  atomic {
    st[1]=1;
#ifdef DUP
    nent=2; st[2]=1;
#endif
    i=1; do :: i<=A -> run Agent(i);
#if D>0
      run Net(i);
#endif
      i++ :: else -> break od;
#ifdef COPY
    run Copier();
#endif
    i=0; do :: i<NR -> run Recoverer(); i++ :: else -> break od;
#if CN+OP>0
    run Oper();
#endif
#if MAXA>1
    run Promoter(); run Promoter();
#endif
#ifdef UPKEEP
    run Upkeep();
#endif
#ifdef ANEW
    run Client();
#endif
    i=0; begun=true
  }
  timeout ->
    assert(status>=DONE);                                     /* every command ends */
    i=1; do :: i<=nent -> assert(st[i]==0); i++ :: else -> break od;   /* nothing pending, nothing left in the stream */
    i=1; do :: i<=A -> 
#ifdef COPY
      /* journals drained, but for one whose agent does not get its name: another run of its instance lives, and has it */
      if :: LIVES(reg) && dir[reg]!=i -> skip :: else -> assert(jr[i]==0) fi; i++
#else
      assert(jr[i]==0); i++                                   /* journals drained */
#endif
      :: else -> break od
}
#if A==3
#define LV (live[1]+live[2]+live[3])
#else
#define LV (live[1]+live[2])
#endif
#ifdef ANEW
#define ONCE (effects[1]<=1 && effects[2]<=1 && effects[3]<=1 && effects[4]<=1 && effects[5]<=1 && effects[6]<=1 && effects[7]<=1 && effects[8]<=1 && effects[9]<=1)
#define TOTAL (effT<=past+attempt)
#define TRUTH true                  /* of the command that is gone an agent may still execute what it was given */
#define TRUTHY true
#else
#define ONCE (effects[1]<=1 && effects[2]<=1 && effects[3]<=1 && effects[4]<=1 && effects[5]<=1)
#ifdef POLRETRY
#define TOTAL (effT<=attempt)
#else
#define TOTAL (effT<=(1+nop)*MAXA && effT<=attempt)
#endif
#define TRUTH (!(status==FAIL && ex==NO) || effT==0)
#define TRUTHY (!(status==FAIL && ex==YES) || effT>0)
#endif
#define NENT ((st[1]!=0)+(st[2]!=0)+(st[3]!=0)+(st[4]!=0)+(st[5]!=0)+(st[6]!=0)+(st[7]!=0)+(st[8]!=0)+(st[9]!=0))
#ifdef DUP
#define ENTRIES (!(status==RUN) || st[ent]==2)
#else
#define ENTRIES ((status>=DONE && NENT==0) || (status==PEND && sch && NENT==0) || (status==PEND && !sch && NENT==1 && st[ent]!=0) || (status==RUN && NENT==1 && st[ent]==2))
#endif
#ifdef NOLIVE
#define ALONE true
#else
#define ALONE (LV<=1)
#endif
#ifdef LEASE
#define FL (!falseLoss)
#else
#define FL true
#endif
#ifdef COPY
#ifdef NOOUSTED
#define NAMED true
#else
#define NAMED (!ousted)
#endif
#else
#define NAMED true
#endif
#define SAFE (NAMED && ONCE && TOTAL && ALONE && TRUTH && TRUTHY && ENTRIES && !rewritten && !wrongResult && !unexplained && FL && !ghostStart && !early && life<=1+nop)
active proctype Mon() { atomic { begun && !SAFE -> assert(false) } }
