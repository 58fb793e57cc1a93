#!/bin/sh
# SPDX-License-Identifier: MIT
# slurm.sh - a Slurm of one machine, from Debian's packages, for as long as one array takes.
#   slurm.sh have              0: it can be had here; else says why not
#   slurm.sh run FOLDER LIST   runs the lines of LIST as a job array and waits for it; everything it makes is in FOLDER
# Its daemons are given keys, ports and folders of their own, and are ended by their process ids.
set -u
fail() { echo "slurm: $1" >&2; exit 1; }

if [ "$1" = have ]; then
    for tool in slurmctld slurmd sbatch munged; do
        command -v $tool > /dev/null || { echo "skip: Slurm is not here (make test-cluster installs it)"; exit 1; }
    done
    [ "$(id -u)" = 0 ] || { echo "skip: Slurm's daemons need root"; exit 1; }
    exit 0
fi

dir=$2 list=$3
mkdir -p "$dir/state" "$dir/spool" "$dir/munge" || exit 1
dir=$(cd "$dir" && pwd)
chmod 755 "$dir"; chmod 700 "$dir/munge"
pids=
stop() {
    for pid in $pids; do kill "$pid" 2> /dev/null; done
    for pid in $pids; do wait "$pid" 2> /dev/null; done
}
trap stop EXIT

dd if=/dev/urandom of="$dir/munge/key" bs=64 count=1 2> /dev/null && chmod 400 "$dir/munge/key"
munged --foreground --force --key-file "$dir/munge/key" --socket "$dir/munge/socket" --pid-file "$dir/munge/pid" --seed-file "$dir/munge/seed" \
    --log-file "$dir/munge/log" > "$dir/munge.out" 2>&1 &
pids="$pids $!"

host=$(hostname -s)
port=$((20000 + $$ % 20000))
cat > "$dir/slurm.conf" <<S
ClusterName=pagewalk
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=10 State=UP
S
export SLURM_CONF="$dir/slurm.conf"
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S "$dir/munge/socket" ] && break; sleep 0.3; done
slurmctld -D > "$dir/slurmctld.out" 2>&1 &
pids="$! $pids"
slurmd -D > "$dir/slurmd.out" 2>&1 &
pids="$! $pids"
for i in $(seq 60); do sinfo -h -o %t 2> /dev/null | grep -q idle && break; sleep 0.5; done
sinfo -h -o %t 2> /dev/null | grep -q idle || fail "the machine did not become idle: $(tail -n 1 "$dir/slurmd.log" "$dir/slurmctld.log" "$dir/munge/log" 2>&1)"

sbatch --wait --array=1-"$(wc -l < "$list")" --output="$dir/job.%a.out" --wrap "eval \"\$(sed -n \${SLURM_ARRAY_TASK_ID}p '$list')\"" > "$dir/log" 2>&1 ||
    fail "the array failed: $(cat "$dir/log" "$dir"/job.*.out | tail -n 3)"
