namespace AudioToken.Backends.Cpu;

/// <summary>The lines that will be read after the present ones, of some neighbouring columns of x and of dy: each kernel asks for one line of every row.</summary>
internal unsafe struct LinesAhead
{
    private int _next;

    /// <summary>The first of the columns of x, in the first row.</summary>
    public float* X;

    /// <summary>Floats from one row of x to the next.</summary>
    public long XStride;

    /// <summary>Lines of a row of x.</summary>
    public int XLines;

    /// <summary>The first of the columns of dy.</summary>
    public float* Dy;

    /// <summary>Floats from one row of dy to the next.</summary>
    public long DyStride;

    /// <summary>Lines of a row of dy.</summary>
    public int DyLines;

    /// <summary>What the next kernel asks for.</summary>
    /// <param name="otherwise">An address to ask for when nothing is left.</param>
    /// <param name="step">Floats from one step of depth to the next.</param>
    public float* Next(float* otherwise, out long step)
    {
        int line = _next++;
        bool ofX = line < XLines, ofDy = !ofX && line < XLines + DyLines;
        step = ofX ? XStride : ofDy ? DyStride : 0;
        return ofX ? X + line * CacheLines.Floats : ofDy ? Dy + (line - XLines) * CacheLines.Floats : otherwise;
    }
}
