namespace AudioToken.Backends.Cpu;

/// <summary>A matrix product by Strassen's way: 7 products of half the rows, half the depth and half the columns for 8.</summary>
/// <remarks>
/// <para>Strassen 1969, "Gaussian elimination is not optimal". Of the quarters A₁₁ to B₂₂ of the two sides, in the order in which they are computed here:
/// P₀ = (A₁₁ + A₂₂)(B₁₁ + B₂₂), P₁ = (A₂₁ - A₁₁)(B₁₁ + B₁₂), P₂ = (A₁₂ - A₂₂)(B₂₁ + B₂₂), P₃ = (A₂₁ + A₂₂) B₁₁, P₄ = (A₁₁ + A₁₂) B₂₂, P₅ = A₁₁ (B₁₂ - B₂₂), P₆ = A₂₂ (B₂₁ - B₁₁).
/// The result's are C₁₁ = P₀ + P₂ - P₄ + P₆, C₁₂ = P₄ + P₅, C₂₁ = P₃ + P₆ and C₂₂ = P₀ + P₁ - P₃ + P₅.</para>
/// <para>Quarters lie near each other: of a row and the next one, which is of the same sample; of the halves of a step of depth; of a panel of columns and the next one, or that of its gates.</para>
/// </remarks>
internal unsafe struct StrassenJob
{
    /// <summary>Products of quarters.</summary>
    public const int Products = 7;

    /// <summary>The most pairs of rows that share a panel's operands.</summary>
    public const int MostBlockPairs = 256;

    // Of less, forming the operands and adding up the products outweighs the product saved.
    private const int FewestRows = 192, FewestColumns = 640, FewestDepth = 512;

    // Enough parts that the last one ends soon after the others, unless each would form its columns' operands for few rows.
    private const int PartsPerThread = 4, FewestBlockPairs = 56;

    public GemmProblem Problem;
    public MatrixRows Rows;
    public float* Inputs;   // [Steps][Products][Pairs][Distance]
    public long FirstPair;  // of the present run of pairs of rows
    public int Pairs;

    /// <summary>Steps of depth, over each of which the way is taken anew.</summary>
    public readonly int Steps => (Problem.Packed.Depth + 2 * PackedRows.MostDepth - 1) / (2 * PackedRows.MostDepth);

    /// <summary>Floats from one row of an operand to the next.</summary>
    public readonly int Distance => (int)CacheLines.Apart((Problem.Packed.Depth + Steps - 1) / Steps / 2 + Problem.Packed.VectorWidth);

    /// <summary>Floats of a pair of rows in all operands.</summary>
    public readonly long PairFloats => (long)Steps * Products * Distance;

    /// <summary>Pairs of panels.</summary>
    public readonly int PanelPairs => Problem.Packed.Panels / 2;

    /// <summary>Whether a product gains by it.</summary>
    /// <param name="problem">The product.</param>
    /// <param name="sampleRows">Rows of one sample. The batch does not matter: a sample's result must not depend on its neighbours.</param>
    public static bool Suits(in GemmProblem problem, long sampleRows)
    {
        PackedShape packed = problem.Packed;
        return sampleRows >= FewestRows && sampleRows % 2 == 0
            && packed.Depth >= FewestDepth && packed.Depth % (2 * packed.VectorWidth) == 0
            && packed.Columns >= FewestColumns && packed.Columns % (2 * packed.PanelWidth) == 0;
    }

    /// <summary>Where a step of depth begins; its halves are whole vectors.</summary>
    public readonly int Start(int step)
    {
        int unit = 2 * Problem.Packed.VectorWidth;
        return (int)((long)(Problem.Packed.Depth / unit) * step / Steps) * unit;
    }

    /// <summary>Half the depth of a step.</summary>
    public readonly int Half(int step) => (Start(step + 1) - Start(step)) / 2;

    /// <summary>A row of an operand.</summary>
    /// <param name="step">Of depth.</param>
    /// <param name="product">To which the operand belongs.</param>
    /// <param name="pair">Of the present run.</param>
    public readonly float* Input(int step, int product, int pair) => Inputs + (((long)step * Products + product) * Pairs + pair) * Distance;

    /// <summary>Blocks into which the pairs of rows of the present run are cut.</summary>
    public readonly int Blocks(WorkerPool workers)
    {
        int fewest = (Pairs + MostBlockPairs - 1) / MostBlockPairs, most = Math.Max(fewest, Pairs / FewestBlockPairs);
        int wanted = (PartsPerThread * workers.Threads + PanelPairs - 1) / PanelPairs;
        return (int)workers.Even(Math.Clamp(wanted, fewest, most), most);
    }
}
