namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // A run's operands stay near the third-level cache.
    private const int OperandFloats = 4 << 20;

    // Products of the same rows, which lie in memory. Each takes the way that it would take alone; left-hand operands are formed once for all.
    private void Multiply(ReadOnlySpan<GemmProblem> problems, MatrixRows rows, long sampleRows)
    {
        bool any = false;
        foreach (GemmProblem problem in problems)
        {
            if (TakesStrassens(problem, sampleRows))
                any = true;
            else
                _engine.Multiply(_workers, problem, rows);
        }

        if (!any)
            return;
        StrassenJob job = new() { Problem = problems[0], Rows = rows };
        long pairs = job.Problem.Rows / 2;
        int most = (int)Math.Min(pairs, Math.Max(1, OperandFloats / (job.PairFloats * StrassenJob.MostBlockPairs)) * StrassenJob.MostBlockPairs);
        job.Inputs = Working(most * job.PairFloats);
        for (; job.FirstPair < pairs; job.FirstPair += job.Pairs)
        {
            job.Pairs = (int)Math.Min(most, pairs - job.FirstPair);
            _engine.FormOperands(_workers, job);
            foreach (GemmProblem problem in problems)
            {
                if (!TakesStrassens(problem, sampleRows))
                    continue;
                job.Problem = problem;
                _engine.Multiply(_workers, job);
            }
        }
    }

    private bool TakesStrassens(in GemmProblem problem, long sampleRows) => !_exact && StrassenJob.Suits(problem, sampleRows);
}
