namespace AudioToken.Backends.Cpu;

/// <summary>The sums of some pairs of rows and a pair of panels, to which the products of <see cref="StrassenJob"/> are added: a quarter of them is every other row of a panel's.</summary>
internal unsafe struct StrassenSums<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>[2 panels][rows][width], from the first of the rows on.</summary>
    public float* Sums;

    /// <summary>Floats from one panel's sums to the other's.</summary>
    public long PanelSums;

    /// <summary>Room for a product that is no quarter's first.</summary>
    public float* Tile;

    /// <summary>Whether the sums hold nothing yet.</summary>
    public bool IsFirst;

    /// <summary>Whether a quarter's last product completes it, so that it goes to its place.</summary>
    public bool IsLast;

    /// <summary>That place, of the first of the rows.</summary>
    public RowResults Results;

    private static int Width => 2 * TLanes.Count;

    private readonly float* Upper => Sums;

    private readonly float* Lower => Sums + Width;

    private readonly float* UpperRight => Sums + PanelSums;

    private readonly float* LowerRight => Sums + PanelSums + Width;

    /// <summary>Where the kernel puts a product: in a quarter that it is the first of, or the only one to change; or in the tile.</summary>
    public readonly RowResults Place(int product) => product switch
    {
        0 when IsFirst => new() { Output = Upper, Stride = 2 * Width },
        1 => new() { Output = LowerRight, Stride = 2 * Width, Residual = LowerRight, Factor = 1 },
        2 => new() { Output = Upper, Stride = 2 * Width, Residual = Upper, Factor = 1 },
        3 when IsFirst => new() { Output = Lower, Stride = 2 * Width },
        4 when IsFirst => new() { Output = UpperRight, Stride = 2 * Width },
        _ => new() { Output = Tile, Stride = Width },
    };

    /// <summary>Adds a product to the other quarters in which it takes part.</summary>
    /// <param name="product">Which.</param>
    /// <param name="made">Where the kernel put it.</param>
    /// <param name="height">Its rows.</param>
    public readonly void Add(int product, in RowResults made, int height)
    {
        switch (product)
        {
            case 0 when IsFirst:
                Copy(made, height, LowerRight);
                break;
            case 0:
                Add(made, height, Upper);
                Add(made, height, LowerRight);
                break;
            case 3:
                Add(made, height, LowerRight, sign: -1);
                if (!IsFirst)
                    Add(made, height, Lower);
                break;
            case 4:
                Add(made, height, Upper, sign: -1);
                if (!IsFirst)
                    Add(made, height, UpperRight);
                break;
            case 5:
                Complete(made, height, UpperRight, 0, Width);
                Complete(made, height, LowerRight, Results.Stride, Width);
                break;
            case 6:
                Complete(made, height, Upper, 0, 0);
                Complete(made, height, Lower, Results.Stride, 0);
                break;
        }
    }

    /// <summary>Goes on to the next rows.</summary>
    public void Advance(int height)
    {
        Sums += 2L * height * Width;
        Results.Output += 2 * height * Results.Stride;
        if (Results.Residual is not null)
            Results.Residual += 2 * height * Results.Stride;
    }

    private static void Copy(in RowResults made, int height, float* quarter)
    {
        float* tile = made.Output;
        for (int r = 0; r < height; r++, tile += made.Stride, quarter += 2 * Width)
        {
            TLanes.Store(TLanes.Load(tile), quarter);
            TLanes.Store(TLanes.Load(tile + TLanes.Count), quarter + TLanes.Count);
        }
    }

    private static void Add(in RowResults made, int height, float* quarter, float sign = 1)
    {
        float* tile = made.Output;
        long stride = made.Stride;
        TVector times = TLanes.Create(sign);
        for (int r = 0; r < height; r++, tile += stride, quarter += 2 * Width)
        {
            TLanes.Store(TLanes.MultiplyAdd(times, TLanes.Load(tile), TLanes.Load(quarter)), quarter);
            TLanes.Store(TLanes.MultiplyAdd(times, TLanes.Load(tile + TLanes.Count), TLanes.Load(quarter + TLanes.Count)), quarter + TLanes.Count);
        }
    }

    // A quarter's last product.
    private readonly void Complete(in RowResults made, int height, float* quarter, long at, int column)
    {
        if (!IsLast)
        {
            Add(made, height, quarter);
            return;
        }

        float* tile = made.Output, output = Results.Output + at + column, residual = Results.Residual is null ? null : Results.Residual + at + column;
        float* bias = Results.Bias is null ? null : Results.Bias + column;
        long stride = made.Stride, apart = 2 * Results.Stride;
        TVector zero = TLanes.Create(0f), factor = TLanes.Create(Results.Factor);
        TVector s0 = bias is null ? zero : TLanes.Load(bias), s1 = bias is null ? zero : TLanes.Load(bias + TLanes.Count);
        for (int r = 0; r < height; r++, tile += stride, quarter += 2 * Width, output += apart)
        {
            TVector x = TLanes.Add(TLanes.Add(TLanes.Load(quarter), TLanes.Load(tile)), s0);
            TVector y = TLanes.Add(TLanes.Add(TLanes.Load(quarter + TLanes.Count), TLanes.Load(tile + TLanes.Count)), s1);
            if (residual is not null)
            {
                x = TLanes.MultiplyAdd(factor, TLanes.Load(residual), x);
                y = TLanes.MultiplyAdd(factor, TLanes.Load(residual + TLanes.Count), y);
                residual += apart;
            }

            TLanes.Store(x, output);
            TLanes.Store(y, output + TLanes.Count);
        }
    }
}
